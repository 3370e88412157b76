#include "landfall/faults.hpp"

#include <gtest/gtest.h>

namespace landfall {
namespace {

TEST(IovaSet, MergesWhatTouches) {
    IovaSet set;
    set.add({Iova{0x1000}, 0x1000});
    set.add({Iova{0x3000}, 0x1000});
    EXPECT_EQ(set.pieces(), 2U);
    EXPECT_FALSE(set.contains(Iova{0x2000}));
    set.add({Iova{0x2000}, 0x1000});
    EXPECT_EQ(set.pieces(), 1U);
    EXPECT_TRUE(set.contains(Iova{0x2000}));
    EXPECT_FALSE(set.contains(Iova{0x4000}));
    set.add({Iova{0xfffffffffffff000}, 0x1000});
    set.add({Iova{0}, 0x1000});
    EXPECT_EQ(set.pieces(), 2U);
    EXPECT_TRUE(set.contains(Iova{0xffffffffffffffff}));
    set.add({Iova{0x800}, 0x10000});
    EXPECT_EQ(set.pieces(), 2U);
    EXPECT_TRUE(set.contains(Iova{0x107ff}));
}

}  // namespace
}  // namespace landfall
