#include "rig/host_clock.hpp"

#include <gtest/gtest.h>
#include <x86intrin.h>

#include <chrono>
#include <thread>

namespace landfall {
namespace {

TEST(HostClock, CountsAsTheTimeStampCounterDoes) {
    const auto begin = std::chrono::steady_clock::now();
    const auto first = __rdtsc();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto ticks = static_cast<double>(__rdtsc() - first);
    const std::chrono::duration<double, std::milli> passed = std::chrono::steady_clock::now() - begin;
    EXPECT_NEAR(ticks / passed.count() / host_tsc_khz(), 1.0, 0.05);
    EXPECT_EQ(host_tsc_khz(), host_tsc_khz());
}

}  // namespace
}  // namespace landfall
