#include "rig/guest_memory.hpp"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kBytes = 64U << 20;

class GuestMemoryTest : public testing::Test {
  protected:
    GuestMemoryTest() {
        // As the machine has it.
        void* at = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd(), 0);
        EXPECT_NE(at, MAP_FAILED);
        guest_ = Mapping(static_cast<std::byte*>(at), kBytes);
    }
    void stamps(std::uint64_t at, std::uint64_t count) {
        auto* words = reinterpret_cast<std::uint64_t*>(guest_.bytes().data() + at);
        for (std::uint64_t i = 0; i < count; ++i) words[i] = search.key.stamp({7, i});
    }
    [[nodiscard]] std::uint64_t resident() const {
        struct stat s {};
        EXPECT_EQ(fstat(memory.fd(), &s), 0);
        return static_cast<std::uint64_t>(s.st_blocks) * 512;
    }

    GuestMemory memory{kBytes};
    StampSearch search{StampKey(1), 7, {}};

  private:
    Mapping guest_;
};

TEST_F(GuestMemoryTest, IsSearchedFromEndToEnd) {
    EXPECT_THAT(memory.search(search), IsEmpty());
    stamps(0, 8);
    stamps(kBytes / 2 + 8, 2);
    stamps(kBytes - 64, 8);
    EXPECT_THAT(memory.search(search), ElementsAre(Stamped{{{0}, 64}, 7}, Stamped{{{kBytes / 2 + 8}, 16}, 7},
                                                   Stamped{{{kBytes - 64}, 64}, 7}));
    search.owned = {{{0}, kPageSize}, {{kBytes - kPageSize}, kPageSize}};
    EXPECT_THAT(memory.search(search), ElementsAre(Stamped{{{kBytes / 2 + 8}, 16}, 7}));
}

// A virt has it from 1 GiB on; what the lab owns is told by the same addresses.
TEST(GuestMemory, IsSearchedByTheMachinesAddresses) {
    constexpr std::uint64_t kBase = 1ULL << 30;
    GuestMemory memory{kBytes, kBase};
    StampSearch search{StampKey(1), 7, {}};
    const std::vector<std::uint64_t> words{search.key.stamp({7, 0}), search.key.stamp({7, 1})};
    memory.fill(3 * kPageSize, std::as_bytes(std::span(words)));
    EXPECT_THAT(memory.search(search), ElementsAre(Stamped{{{kBase + 3 * kPageSize}, 16}, 7}));
    search.owned = {{{kBase + 3 * kPageSize}, kPageSize}};
    EXPECT_THAT(memory.search(search), IsEmpty());
}

TEST_F(GuestMemoryTest, WhatTheMachineNeverTouchedStaysUntouched) {
    stamps(kBytes / 2, 8);
    const auto before = resident();
    EXPECT_LT(before, kBytes / 4);
    EXPECT_THAT(memory.search(search), ElementsAre(Stamped{{{kBytes / 2}, 64}, 7}));
    EXPECT_EQ(resident(), before);
}

}  // namespace
}  // namespace landfall
