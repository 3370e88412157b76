// The engine against a controller played by the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engines/nvme_fake_test.hpp"
#include "landfall/error.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class NvmeTest : public testing::Test {
  protected:
    NvmeTest() { fill(); }

    std::unique_ptr<Engine> make(bool scratch = true, unsigned vf = 0) {
        const auto reset = [this] {
            ++function_resets_;
            return Errno{};
        };
        return make_nvme({Registers(device_.bar), reset, "a (0000:00:08.0)", scratch, vf},
                         {staging_->bytes, kStaging});
    }
    std::unique_ptr<Engine> up() {
        auto engine = make();
        EXPECT_TRUE(engine->reset());
        return engine;
    }
    std::string refusal() {
        try {
            std::ignore = make()->reset();
        } catch (const LabError& e) {
            return e.what();
        }
        return "none";
    }
    /// Every byte of memory differs from its neighbours.
    void fill() {
        for (std::size_t i = 0; i < kRamBytes; ++i) device_.ram[i] = static_cast<std::byte>(i * 7 + i / 251);
    }
    Landing::Status copy(Engine& engine, std::uint64_t from, std::uint64_t to, std::uint32_t length) {
        engine.start({kRam + from, kRam + to, length, false});
        return engine.wait(kLimit).status;
    }
    /// That it copies these bytes, and changes no others.
    void expect_copied(Engine& engine, std::uint64_t from, std::uint64_t to, std::uint32_t length) {
        fill();
        auto expected = device_.ram;
        std::copy_n(device_.ram.begin() + static_cast<std::ptrdiff_t>(from), length,
                    expected.begin() + static_cast<std::ptrdiff_t>(to));
        EXPECT_EQ(copy(engine, from, to, length), Landing::Status::done)
            << from << ' ' << to << ' ' << length;
        EXPECT_TRUE(device_.ram == expected) << from << ' ' << to << ' ' << length;
    }
    static constexpr milliseconds kLimit{10'000};
    std::unique_ptr<StagingMemory> staging_ = std::make_unique<StagingMemory>();
    FakeController device_{staging_->bytes};
    unsigned function_resets_ = 0;
};

TEST_F(NvmeTest, CopiesAnyNumberOfBytesFromAnywhereToAnywhere) {
    const auto engine = up();
    EXPECT_EQ(engine->limits().granule, 1U);
    EXPECT_EQ(engine->limits().max_length, 16384U);
    for (const std::uint32_t length : {1U, 64U, 511U, 512U, 513U, 4096U, 8000U, 16384U})
        for (const std::uint64_t offset : {0U, 0x40U, 0xfc3U})
            expect_copied(*engine, 0x1000 + offset, 0x12345, length);
    EXPECT_EQ(function_resets_, 0U);
}

// They may share a namespace, and must not copy through each other's blocks.
TEST_F(NvmeTest, VirtualFunctionsHaveBlocksOfTheirOwn) {
    constexpr std::size_t kScratch = 1U << 20, kEach = 64U << 10;
    for (const unsigned vf : {0U, 3U, 31U}) {
        const auto engine = make(true, vf);
        ASSERT_TRUE(engine->reset());
        std::ranges::fill(device_.disk, std::byte{0});
        expect_copied(*engine, 0x1000, 0x12345, 16384);
        const auto written =
            std::ranges::find_if(device_.disk, [](std::byte b) { return b != std::byte{0}; });
        EXPECT_EQ(written - device_.disk.begin(), kScratch + vf * kEach);
        EXPECT_TRUE(
            std::all_of(written + kEach, device_.disk.end(), [](std::byte b) { return b == std::byte{0}; }));
    }
    EXPECT_THROW(std::ignore = make(true, 32), LabError);
}

TEST_F(NvmeTest, WithoutScatterGatherListsItCopiesBlocks) {
    device_.traits.sgls = 0;
    const auto engine = up();
    EXPECT_EQ(engine->limits().granule, 512U);
    EXPECT_EQ(engine->limits().alignment, 4U);
    for (const std::uint32_t length : {512U, 4096U, 8192U, 16384U})
        for (const std::uint64_t offset : {0U, 0x40U, 0xe00U, 0xffcU})
            expect_copied(*engine, 0x1000 + offset, 0x12344, length);
}

TEST_F(NvmeTest, SaysWhatTheControllerSaid) {
    device_.traits.sgls = 2;
    device_.traits.mdts = 1;
    const auto engine = make();
    EXPECT_EQ(engine->limits().max_length, 16384U);  // it is not known yet
    ASSERT_TRUE(engine->reset());
    EXPECT_EQ(engine->limits().granule, 4U);
    EXPECT_EQ(engine->limits().alignment, 4U);
    EXPECT_EQ(engine->limits().max_length, 8192U);
}

TEST_F(NvmeTest, ABlockedSourceWritesNothing) {
    const auto engine = up();
    ASSERT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::done);
    fill();
    const auto before = device_.ram;
    device_.blocked_page = (kRam + 0x1000).value;
    EXPECT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::error);
    EXPECT_TRUE(device_.ram == before) << "the blocks' old content was taken for the source's";
    ASSERT_TRUE(engine->reset());
    expect_copied(*engine, 0x2000, 0x9000, 64);
}

TEST_F(NvmeTest, AControllerThatHidesABlockedSourceCopiesZeros) {
    const auto engine = up();
    ASSERT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::done);
    device_.silent = true;
    device_.blocked_page = (kRam + 0x1000).value;
    EXPECT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::done);
    EXPECT_TRUE(std::all_of(&device_.ram[0x9000], &device_.ram[0x9040],
                            [](std::byte b) { return b == std::byte{0}; }));
}

TEST_F(NvmeTest, ABlockedDestinationIsAnError) {
    const auto engine = up();
    device_.blocked_page = (kRam + 0x9000).value;
    EXPECT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::error);
}

TEST_F(NvmeTest, ComesBackOnceItsQueuesAreInReachAgain) {
    const auto engine = up();
    device_.rings_blocked = true;
    EXPECT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::error);  // CSTS.CFS
    EXPECT_FALSE(engine->reset());
    EXPECT_EQ(function_resets_, 1U);
    device_.rings_blocked = false;
    ASSERT_TRUE(engine->reset());
    expect_copied(*engine, 0x1000, 0x9000, 64);
}

// Seen of QEMU 10.0.2 when a completion met a group that was just being moved.
TEST_F(NvmeTest, AFailureThatIsOvercomeIsOfTheCopyDuringWhichItHappened) {
    const auto engine = up();
    device_.stumbles = true;
    EXPECT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::error);
    device_.stumbles = false;
    ASSERT_TRUE(engine->reset());
    expect_copied(*engine, 0x1000, 0x9000, 64);
}

TEST_F(NvmeTest, LeavesTheTransferThatMattersInFlight) {
    const auto engine = up();
    device_.held = kWrite;  // its reading of the source
    auto before = device_.taken.load();
    engine->start({kRam + 0x1000, kRam + 0x9000, 64, false});
    EXPECT_EQ(device_.taken, before);
    device_.held = 0;
    EXPECT_EQ(engine->wait(kLimit), Landing::Status::done);

    device_.held = kRead;  // its writing of the destination
    before = device_.taken;
    engine->start({kStaging + 0x8000, kRam + 0x9000, 64, true});
    EXPECT_EQ(device_.taken, before + 1);
    device_.held = 0;
    EXPECT_EQ(engine->wait(kLimit), Landing::Status::done);
}

TEST_F(NvmeTest, KeepsSeveralCopiesApartInWhateverOrderTheyAreDone) {
    const auto engine = up();
    ASSERT_EQ(engine->limits().in_flight, 4U);
    device_.last_first = true;
    for (int round = 0; round < 40; ++round) {
        fill();
        auto expected = device_.ram;
        device_.held = kWrite;
        for (std::uint64_t i = 0; i < 4; ++i) {
            engine->start({kRam + 0x1000 * i, kRam + (0x10000 + 0x1000 * i), 700, false});
            std::copy_n(device_.ram.begin() + static_cast<std::ptrdiff_t>(0x1000 * i), 700,
                        expected.begin() + static_cast<std::ptrdiff_t>(0x10000 + 0x1000 * i));
        }
        device_.held = 0;
        for (int i = 0; i < 4; ++i) ASSERT_EQ(engine->wait(kLimit), Landing::Status::done);
        ASSERT_TRUE(device_.ram == expected) << round;
    }
}

TEST_F(NvmeTest, IsForNamespacesThatAreScratch) {
    try {
        std::ignore = make(false);
        FAIL();
    } catch (const LabError& e) {
        EXPECT_THAT(e.what(), HasSubstr("a (0000:00:08.0) stores things"));
        EXPECT_THAT(e.hint(), HasSubstr("scratch: true"));
    }
}

TEST_F(NvmeTest, IsForNamespacesThatAreEmpty) {
    const auto last = device_.disk.size() - 1;
    for (const std::size_t at : {std::size_t{510}, std::size_t{0x10040}, last - 0x1ffff, last}) {
        device_.disk[at] = std::byte{0x55};
        EXPECT_THAT(refusal(), HasSubstr("it holds something at byte " + std::to_string(at)));
        EXPECT_EQ(device_.disk[at], std::byte{0x55});
        device_.disk[at] = {};
    }
    // What an earlier session has left between them is nobody's.
    device_.disk[1U << 20] = std::byte{0x55};
    EXPECT_EQ(refusal(), "none");
}

TEST_F(NvmeTest, IsForNamespacesItUnderstands) {
    device_.traits.blocks = 1024;
    EXPECT_THAT(refusal(), HasSubstr("524288 bytes, expected 4 MiB at least"));
    device_.traits.blocks = 1U << 14;
    device_.traits.format = 9U << 16 | 8;
    EXPECT_THAT(refusal(), HasSubstr("512+8 bytes"));
}

TEST_F(NvmeTest, SaysThatADeadControllerIsDead) {
    const auto engine = up();
    device_.die();
    EXPECT_FALSE(engine->reset());  // CSTS.RDY stays
    std::ranges::fill(device_.bar, std::byte{0xff});
    EXPECT_FALSE(engine->reset());  // gone from the bus
    EXPECT_THAT(refusal(), HasSubstr("does not answer"));
}

}  // namespace
}  // namespace landfall
