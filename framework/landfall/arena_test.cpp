#include "landfall/arena.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace landfall {
namespace {

class ArenaTest : public testing::Test {
  protected:
    ArenaTest() {
        for (const char* name : {"p", "q"}) EXPECT_TRUE(arena.add({name, kPageSize}).ok());
    }
    std::span<std::byte> bytes(const char* name) const {
        const auto memory = arena.memory({name, std::nullopt}, false);
        return {static_cast<std::byte*>(memory.address), memory.length};
    }
    std::string origin(std::span<const std::byte> data) {
        const auto from = arena.origin(Arena::content(data), Iova{0x200000});
        return from.size() == 1 && from[0].place ? from[0].place->buffer : "nowhere";
    }
    Arena arena{2 * kPageSize};
};

TEST_F(ArenaTest, WhatWasReadIsKnownByItsStamps) {
    EXPECT_EQ(origin(bytes("p")), "p");
    EXPECT_EQ(origin(bytes("q")), "q");
}

// A copy whose source was blocked has left the device's own bytes in q; another device, blocked too, holds the same.
TEST_F(ArenaTest, ADevicesOwnBytesAreNobodysContent) {
    std::ranges::fill(bytes("q"), std::byte{0xed});
    alignas(8) const std::array<std::byte, 64> own = [] {
        std::array<std::byte, 64> bytes;
        bytes.fill(std::byte{0xed});
        return bytes;
    }();
    EXPECT_EQ(origin(own), "nowhere");
    EXPECT_EQ(origin(bytes("p")), "p");
}

TEST_F(ArenaTest, ABufferOfMoreStampsThanASequenceHasTakesSeveral) {
    ASSERT_TRUE(arena.add({"large", 40U << 20}).ok());
    const auto before = arena.last_sequence();
    const auto last = arena.key().read(Arena::content(bytes("large").last(8)).front().word());
    EXPECT_EQ(last, (StampKey::Number{before, (5U << 20) - (1U << 22) - 1}));
    ASSERT_TRUE(arena.add({"next", kPageSize}).ok());
    EXPECT_EQ(origin(bytes("next").first(64)), "next");
}

TEST_F(ArenaTest, OfABufferSomePagesAreReadOnly) {
    Buffer buffer{"partly", 3 * kPageSize};
    buffer.read_only = {kPageSize, kPageSize};
    ASSERT_TRUE(arena.add(buffer).ok());
    const std::vector before(bytes("partly").begin(), bytes("partly").end());
    arena.restamp({{BufferSlice{"partly", std::nullopt}, 3 * kPageSize}});
    for (const std::size_t page : {0U, 1U, 2U})
        EXPECT_EQ(std::memcmp(bytes("partly").data() + page * kPageSize, before.data() + page * kPageSize, kPageSize) == 0, page == 1);
    EXPECT_TRUE(arena.sweep().empty());
    EXPECT_DEATH(bytes("partly")[kPageSize] = std::byte{1}, "");
}

// Tells as much of it as a kernel shows: nobody but root sees where a page is (Documentation/admin-guide/mm/pagemap.rst).
TEST_F(ArenaTest, ScatteredMemoryIsAllThere) {
    Buffer buffer{"strewn", 1U << 20};
    buffer.scattered = true;
    ASSERT_TRUE(arena.add(buffer).ok());
    EXPECT_EQ(origin(bytes("strewn").first(64)), "strewn");
    EXPECT_TRUE(arena.sweep().empty());
}

TEST_F(ArenaTest, ScrubbedMemoryHasStampsAgain) {
    std::ranges::fill(bytes("q").first(64), std::byte{0xed});
    const std::vector before(bytes("p").begin(), bytes("p").end());
    arena.scrub();
    EXPECT_TRUE(std::ranges::equal(bytes("p"), before)) << "what has stamps keeps them";
    EXPECT_EQ(origin(bytes("q").first(64)), "q");
    EXPECT_TRUE(arena.sweep().empty()) << "and is the known content";
}

}  // namespace
}  // namespace landfall
