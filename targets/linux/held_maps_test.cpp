#include "linux/held_maps.hpp"

#include <gtest/gtest.h>

#include <array>

namespace landfall {
namespace {

class HeldMapsTest : public testing::Test {
  protected:
    [[nodiscard]] bool hold(std::uint64_t iova, std::uint64_t length, bool staging = false) {
        return held.hold(Iova{iova}, {pages.data(), length, -1, 0, staging}, {true, true});
    }
    [[nodiscard]] std::optional<std::uint64_t> drop(std::uint64_t iova, std::uint64_t length) {
        return held.drop(IovaRange{Iova{iova}, length});
    }
    alignas(kPageSize) std::array<std::byte, 4 * kPageSize> pages{};
    HeldMaps held;
};

TEST_F(HeldMapsTest, HoldsWholePagesThatAreFree) {
    EXPECT_TRUE(hold(0x1000, 0x2000));
    EXPECT_TRUE(hold(0x3000, 0x1000));
    EXPECT_EQ(held.all().size(), 2U);
}

TEST_F(HeldMapsTest, LeavesToTheKernelWhatItWouldRefuse) {
    ASSERT_TRUE(hold(0x2000, 0x1000));
    EXPECT_FALSE(hold(0x1000, 0x2000)) << "something is there";
    EXPECT_FALSE(hold(0x1100, 0x1000)) << "the IOVA is within a page";
    EXPECT_FALSE(hold(0x5000, 0x800)) << "half a page";
    EXPECT_FALSE(hold(0x5000, 0)) << "nothing";
    EXPECT_FALSE(hold(~0xfffULL, 0x2000)) << "beyond the end";
    EXPECT_FALSE(held.hold(Iova{0x5000}, {pages.data() + 64, 0x1000}, {true, true})) << "memory within a page";
    EXPECT_EQ(held.all().size(), 1U);
}

TEST_F(HeldMapsTest, DropsWholeMappingsOnly) {
    ASSERT_TRUE(hold(0x1000, 0x2000) && hold(0x3000, 0x1000));
    EXPECT_EQ(drop(0x1000, 0x1000), std::nullopt);
    EXPECT_EQ(drop(0x2000, 0x2000), std::nullopt);
    EXPECT_EQ(drop(0x1080, 0x4000), std::nullopt);
    EXPECT_EQ(held.all().size(), 2U);
    EXPECT_EQ(drop(0x8000, 0x1000), 0U) << "nothing is there, and that is fine";
    EXPECT_EQ(drop(0x0, 0x3000), 0x2000U);
    EXPECT_EQ(held.drop(std::nullopt), 0x1000U);
    EXPECT_TRUE(held.all().empty());
}

TEST_F(HeldMapsTest, OnlyTheLabsOwnComeBack) {
    ASSERT_TRUE(hold(0x1000, 0x1000) && hold(0x70000000, 0x1000, true));
    held.keep_staging();
    ASSERT_EQ(held.all().size(), 1U);
    EXPECT_EQ(held.all().begin()->first, Iova{0x70000000});
    EXPECT_TRUE(held.meets(IovaRange{Iova{0x70000800}, 0x1000}));
    EXPECT_TRUE(held.meets(std::nullopt));
    EXPECT_FALSE(held.meets(IovaRange{Iova{0x1000}, 0x1000}));
}

}  // namespace
}  // namespace landfall
