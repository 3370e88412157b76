#include "landfall/arena.hpp"

#include <gtest/gtest.h>

#include <algorithm>

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
        const auto from = arena.origin(data, Iova{0x200000});
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
    const std::vector<std::byte> own(kPageSize, std::byte{0xed});
    EXPECT_EQ(origin(own), "nowhere");
    EXPECT_EQ(origin(bytes("p")), "p");
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
