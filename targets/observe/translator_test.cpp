#include "observe/translator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::uint64_t kArgument = 0x1000, kRanges = 0x9000, kMemory = 0x7f0000000000;

struct FakeTracee final : Tracee {
    bool read(pid_t, std::uint64_t address, std::span<std::byte> to) const override {
        const auto it = memory.find(address);
        if (it == memory.end() || it->second.size() < to.size()) return false;
        std::copy_n(it->second.begin(), to.size(), to.begin());
        return true;
    }
    unsigned memory_of(pid_t thread) const override { return static_cast<unsigned>(thread) / 10; }
    std::pair<std::uint64_t, std::uint64_t> inode(pid_t, int descriptor) const override {
        return {1, static_cast<std::uint64_t>(descriptor)};
    }
    bool maps(pid_t, const std::string&) const override { return false; }
    std::map<std::uint64_t, std::vector<std::byte>> memory;
};

template <class T>
std::vector<std::byte> bytes_of(const T& value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    return {bytes.begin(), bytes.end()};
}

// A process with threads 10, 11 ...; an iommufd is its descriptor 3, a container 4, group 1 is 5, the
// functions are not opened through /sys, which this machine lacks, but through their group.
class TranslatorTest : public testing::Test {
  protected:
    TranslatorTest() {
        translator.begin({0});
        lines.clear();
        translator.descriptors().start(10);
        translator.opened(10, 3, "/dev/iommu", false);
        translator.opened(10, 4, "/dev/vfio/vfio", false);
        translator.opened(10, 5, "/dev/vfio/1", false);
    }

    template <class T>
    void call(int descriptor, std::uint64_t request, const T& before, const T& after,
              std::int64_t result = 0) {
        tracee.memory[kArgument] = bytes_of(after);
        issue(descriptor, request, kArgument, bytes_of(before), result);
    }
    template <class T>
    void call(int descriptor, std::uint64_t request, const T& argument, std::int64_t result = 0) {
        call(descriptor, request, argument, argument, result);
    }
    void issue(int descriptor, std::uint64_t request, std::uint64_t argument, std::vector<std::byte> before,
               std::int64_t result = 0) {
        const auto file = translator.descriptors().find(10, descriptor);
        ASSERT_TRUE(file.has_value());
        const Interval when{{++time}, {++time}};
        for (auto* transcript : {&iommufd, &type1}) transcript->begins(10);
        translator.called({10, *file, request, argument, std::move(before), when, result});
        for (auto* transcript : {&iommufd, &type1}) transcript->over(10);
    }
    void close(int descriptor) {
        translator.at(10, {{++time}, {++time}});
        for (auto* transcript : {&iommufd, &type1}) transcript->begins(10);
        translator.descriptors().close(10, descriptor, descriptor);
        for (auto* transcript : {&iommufd, &type1}) transcript->over(10);
    }

    void ioas(std::uint32_t id) {
        iommu_ioas_alloc after{};
        after.out_ioas_id = id;
        call(3, IOMMU_IOAS_ALLOC, iommu_ioas_alloc{}, after);
    }
    iommu_ioas_map mapping(std::uint32_t ioas, std::uint64_t iova, std::uint64_t length = 4096) {
        iommu_ioas_map m{};
        m.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;
        m.ioas_id = ioas;
        m.user_va = kMemory;
        m.length = length;
        m.iova = iova;
        return m;
    }
    void group_device(const char* bdf, int descriptor) {
        std::array<char, 64> name{};
        std::copy_n(bdf, std::strlen(bdf), name.begin());
        issue(5, VFIO_GROUP_GET_DEVICE_FD, kArgument, bytes_of(name), descriptor);
    }
    void compat() { issue(5, VFIO_GROUP_SET_CONTAINER, kArgument, bytes_of(3)); }

    // What the traces got, without times.
    static std::string bare(const Line& line) {
        auto text = print(line);
        while (text.starts_with("@")) text.erase(0, text.find(' ') + 1);
        return text;
    }
    std::vector<std::string> lines, type1_lines;
    Transcript iommufd{[this](const Line& line) { lines.push_back(bare(line)); }};
    Transcript type1{[this](const Line& line) { type1_lines.push_back(bare(line)); }};
    FakeTracee tracee;
    Translator translator{{{"a", {0, 1, 0, 0}, 1}, {"b", {0, 1, 0, 1}, 1}}, tracee, iommufd, type1};
    std::uint64_t time = 0;
};

TEST_F(TranslatorTest, IdsBecomeNamesAndMemoryBuffers) {
    ioas(7);
    call(3, IOMMU_IOAS_MAP, mapping(7, 0x200000));
    call(3, IOMMU_IOAS_MAP, mapping(7, 0x200000), -EEXIST);
    iommu_ioas_unmap gone{}, done{};
    gone.ioas_id = done.ioas_id = 7;
    gone.length = ~0ULL;
    done.length = 4096;
    call(3, IOMMU_IOAS_UNMAP, gone, done);
    iommu_destroy destroy{};
    destroy.id = 7;
    call(3, IOMMU_DESTROY, destroy);
    EXPECT_THAT(lines,
                ElementsAre("ioas ioas1 bare => ok", "buffer memory1 4K => ok",
                            "map ioas1 0x200000 memory1 rw => ok", "map ioas1 0x200000 memory1 rw => EEXIST",
                            "unmap ioas1 all => ok 0x1000", "destroy ioas1 => ok"));
}

TEST_F(TranslatorTest, AnIdThatIsGivenOutAgainIsAnotherObject) {
    ioas(7);
    ioas(7);
    call(3, IOMMU_IOAS_MAP, mapping(7, 0x200000));
    EXPECT_EQ(lines.back(), "map ioas2 0x200000 memory1 rw => ok");
}

TEST_F(TranslatorTest, AChosenIovaIsTheAnswersValue) {
    ioas(7);
    auto before = mapping(7, 0), after = mapping(7, 0x5000);
    before.flags &= ~static_cast<std::uint32_t>(IOMMU_IOAS_MAP_FIXED_IOVA);
    call(3, IOMMU_IOAS_MAP, before, after);
    EXPECT_EQ(lines.back(), "map ioas1 auto memory1 rw => ok 0x5000");
}

TEST_F(TranslatorTest, RangesAreReadWhereTheyWereAskedFor) {
    ioas(7);
    iommu_ioas_iova_ranges ask{};
    ask.ioas_id = 7;
    ask.num_iovas = 2;
    ask.allowed_iovas = kRanges;
    const std::array<iommu_iova_range, 2> found{{{0, 0xfff}, {0x2000, ~0ULL}}};
    tracee.memory[kRanges] = bytes_of(found);
    call(3, IOMMU_IOAS_IOVA_RANGES, ask);
    call(3, IOMMU_IOAS_IOVA_RANGES, ask, -EMSGSIZE);
    EXPECT_THAT(lines,
                ElementsAre("ioas ioas1 bare => ok", "ranges ioas1 => ok 0x0+4K 0x2000+0xffffffffffffe000",
                            "# not judged: IOMMU_IOAS_IOVA_RANGES => EMSGSIZE"));
}

TEST_F(TranslatorTest, WhatHangsOnTheProgramsMemoryIsNotJudged) {
    ioas(7);
    call(3, IOMMU_IOAS_MAP, mapping(7, 0x200000), -EFAULT);
    call(3, IOMMU_IOAS_MAP, mapping(9, 0x200000), -ENOENT);
    EXPECT_THAT(lines, ElementsAre("ioas ioas1 bare => ok", "buffer memory1 4K => ok",
                                   "# not judged: IOMMU_IOAS_MAP => EFAULT",
                                   "# not judged: IOMMU_IOAS_MAP => ENOENT: no such object"));
}

TEST_F(TranslatorTest, AMappingNoTraceCanHoldEndsWhatIsFollowed) {
    ioas(7);
    call(3, IOMMU_IOAS_MAP, mapping(7, 0x200000, 2ULL << 30), -EINVAL);
    call(3, IOMMU_IOAS_MAP, mapping(7, 0x200000, 2ULL << 30));
    call(3, IOMMU_IOAS_MAP, mapping(7, 0x200000));
    ASSERT_EQ(lines.size(), 5U);
    EXPECT_EQ(lines[1], "# not judged: IOMMU_IOAS_MAP => EINVAL");
    EXPECT_THAT(lines[2], StartsWith("# not judged: IOMMU_IOAS_MAP => ok: memory"));
    EXPECT_THAT(lines[3], StartsWith("# not followed: what this iommufd does after IOMMU_IOAS_MAP"));
    EXPECT_EQ(lines[4], "# not judged: IOMMU_IOAS_MAP => ok: not followed any more");
}

TEST_F(TranslatorTest, OtherCallsAreCountedByName) {
    call(3, IOMMU_GET_HW_INFO, iommu_hw_info{});
    call(3, IOMMU_IOAS_ALLOC, iommu_ioas_alloc{}, -ENOMEM);
    issue(3, (';' << 8U) | 0xff, kArgument, {}, -ENOTTY);
    issue(4, VFIO_GET_API_VERSION, 0, {}, 0);  // it is about nothing
    EXPECT_THAT(lines, ElementsAre("# not judged: IOMMU_GET_HW_INFO => ok",
                                   "# not judged: IOMMU_IOAS_ALLOC => ENOMEM",
                                   "# not judged: ioctl-0x3bff => ENOTTY"));
}

// ---- an iommufd that stands for a container ---------------------------------------------------------------

TEST_F(TranslatorTest, ACompatibleContainerIsAnIoasAndADeviceIsAttachedAsItIsOpened) {
    compat();
    group_device("0000:01:00.0", 6);
    vfio_iommu_type1_dma_map map{sizeof map, VFIO_DMA_MAP_FLAG_READ, kMemory, 0x200000, 4096};
    call(3, VFIO_IOMMU_MAP_DMA, map);
    vfio_iommu_type1_dma_unmap unmap{};
    unmap.iova = 0x300000;
    unmap.size = 4096;
    auto nothing = unmap;
    nothing.size = 0;
    call(3, VFIO_IOMMU_UNMAP_DMA, unmap, nothing);
    close(6);
    EXPECT_THAT(lines, ElementsAre("ioas compat1 bare => ok", "open a => ok", "attach a compat1 => ok",
                                   "buffer memory1 4K => ok", "map compat1 0x200000 memory1 r => ok",
                                   "unmap compat1 0x300000+4K => ENOENT", "close a => ok"));
    EXPECT_THAT(type1_lines, IsEmpty());
}

TEST_F(TranslatorTest, Version1OfACompatibleContainerMayCutMappings) {
    compat();
    issue(3, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU, {});
    vfio_iommu_type1_dma_map map{sizeof map, VFIO_DMA_MAP_FLAG_READ, kMemory, 0x200000, 8192};
    call(3, VFIO_IOMMU_MAP_DMA, map);
    vfio_iommu_type1_dma_unmap unmap{};
    unmap.iova = 0x200000;
    unmap.size = 4096;
    call(3, VFIO_IOMMU_UNMAP_DMA, unmap);
    EXPECT_EQ(lines[1], "option compat1 huge-pages off => ok");
    EXPECT_THAT(lines[4], HasSubstr("which cuts mappings"));
    EXPECT_THAT(lines[5], StartsWith("# not followed: "));
}

// ---- VFIO's own containers --------------------------------------------------------------------------------

TEST_F(TranslatorTest, AGroupIsAttachedWhenItsContainerGetsAnIommu) {
    issue(5, VFIO_GROUP_SET_CONTAINER, kArgument, bytes_of(4));
    EXPECT_THAT(type1_lines, IsEmpty());
    issue(4, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU, {});
    group_device("0000:01:00.1", 6);
    vfio_iommu_type1_dma_map map{sizeof map, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE, kMemory,
                                 0x200000, 4096};
    call(4, VFIO_IOMMU_MAP_DMA, map);
    vfio_iommu_type1_dma_unmap all{};
    all.flags = VFIO_DMA_UNMAP_FLAG_ALL;
    auto done = all;
    done.size = 4096;
    call(4, VFIO_IOMMU_UNMAP_DMA, all, done);
    close(5);
    EXPECT_EQ(type1_lines.back(), "unmap container1 all => ok 0x1000");  // the device holds its group
    close(6);
    EXPECT_THAT(type1_lines,
                ElementsAre("ioas container1 bare => ok", "attach a container1 => ok",
                            "buffer memory1 4K => ok", "map container1 0x200000 memory1 rw => ok",
                            "unmap container1 all => ok 0x1000", "detach a => ok"));
    EXPECT_THAT(lines, IsEmpty());
}

TEST_F(TranslatorTest, WhatVersion1RemovesBeyondTheRangeIsNotFollowed) {
    issue(5, VFIO_GROUP_SET_CONTAINER, kArgument, bytes_of(4));
    issue(4, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU, {});
    vfio_iommu_type1_dma_unmap unmap{};
    unmap.iova = 0x200000;
    unmap.size = 4096;
    auto more = unmap;
    more.size = 8192;
    call(4, VFIO_IOMMU_UNMAP_DMA, unmap, more);
    EXPECT_THAT(type1_lines.back(), StartsWith("# not followed: what this container does"));
    EXPECT_THAT(lines, ElementsAre(StartsWith("# not judged: VFIO_IOMMU_UNMAP_DMA => ok")));
}

// ---- devices ----------------------------------------------------------------------------------------------

class BoundTest : public TranslatorTest {
  protected:
    // As if opened through /dev/vfio/devices: bound to the iommufd by the group's way, without its own
    // attach.
    BoundTest() {
        compat();
        group_device("0000:01:00.0", 6);
        lines.clear();
        ioas(7);
    }
    void attach(std::uint32_t id, std::uint32_t answer, std::int64_t result = 0, std::uint32_t flags = 0) {
        vfio_device_attach_iommufd_pt before{}, after{};
        before.flags = after.flags = flags;
        before.pt_id = id;
        after.pt_id = answer;
        call(6, VFIO_DEVICE_ATTACH_IOMMUFD_PT, before, after, result);
    }
};

TEST_F(BoundTest, TheSecondAttachIsAReplace) {
    attach(7, 20);
    attach(20, 20);  // by the page table the first one found: the same address space
    attach(99, 99, -ENOENT);
    call(6, VFIO_DEVICE_DETACH_IOMMUFD_PT, vfio_device_detach_iommufd_pt{});
    attach(7, 20, -EBUSY);
    EXPECT_THAT(lines, ElementsAre("ioas ioas1 bare => ok", "attach a ioas1 => ok", "replace a ioas1 => ok",
                                   "# not judged: VFIO_DEVICE_ATTACH_IOMMUFD_PT => ENOENT: no such object",
                                   "detach a => ok", "attach a ioas1 => EBUSY"));
}

TEST_F(BoundTest, APasidIsBeyondTheGrammar) {
    attach(7, 20, -EINVAL, VFIO_DEVICE_ATTACH_PASID);
    attach(7, 20, 0, VFIO_DEVICE_ATTACH_PASID);
    attach(7, 20);
    close(6);
    ASSERT_EQ(lines.size(), 6U);
    EXPECT_EQ(lines[1], "# not judged: VFIO_DEVICE_ATTACH_IOMMUFD_PT => EINVAL");
    EXPECT_EQ(lines[2], "# not judged: VFIO_DEVICE_ATTACH_IOMMUFD_PT => ok: a PASID");
    EXPECT_THAT(lines[3], StartsWith("# not followed: "));
    EXPECT_EQ(lines[4], "# not judged: VFIO_DEVICE_ATTACH_IOMMUFD_PT => ok");
    EXPECT_EQ(lines[5], "close a => ok");
}

TEST_F(BoundTest, AResetIsJudgedByWhatADeviceMaySay) {
    issue(6, VFIO_DEVICE_RESET, 0, {});
    issue(6, VFIO_DEVICE_RESET, 0, {}, -ENOTTY);
    issue(6, VFIO_DEVICE_RESET, 0, {}, -EIO);
    EXPECT_THAT(lines, ElementsAre("ioas ioas1 bare => ok", "reset a => ok", "reset a => ENOTTY",
                                   "# not judged: VFIO_DEVICE_RESET => EIO"));
}

}  // namespace
}  // namespace landfall
