#include "rig/speed.hpp"

#include <gtest/gtest.h>

namespace landfall {
namespace {

TEST(Speed, MedianIsTheMiddleOne) {
    EXPECT_EQ(median({}), 0);
    EXPECT_EQ(median({3, 1, 2}), 2);
    EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
}

TEST(Speed, RatioIsOfMedians) {
    SpeedReport report;
    EXPECT_EQ(report.ratio(), 0);
    report.bare = {100, 90, 1000};
    report.judged = {80, 10, 81};
    EXPECT_DOUBLE_EQ(report.ratio(), 0.8);
}

}  // namespace
}  // namespace landfall
