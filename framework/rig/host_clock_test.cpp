#include "rig/host_clock.hpp"

#include <gtest/gtest.h>
#include <x86intrin.h>

#include <chrono>
#include <thread>

namespace landfall {
namespace {

struct Reading {
    std::chrono::steady_clock::time_point time;
    std::uint64_t ticks = 0, apart = ~0ULL;  ///< ticks between the two looks at the counter that the time was taken between
};

// Of several tries the one that was interrupted least: who shares a processor may lose it between two looks.
Reading read_both() {
    Reading best;
    for (int n = 0; n < 1000; ++n) {
        const auto before = __rdtsc();
        const auto time = std::chrono::steady_clock::now();
        const auto apart = __rdtsc() - before;
        if (apart < best.apart) best = {time, before + apart / 2, apart};
    }
    return best;
}

TEST(HostClock, CountsAsTheTimeStampCounterDoes) {
    const auto begin = read_both();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto end = read_both();
    const std::chrono::duration<double, std::milli> passed = end.time - begin.time;
    EXPECT_NEAR(static_cast<double>(end.ticks - begin.ticks) / passed.count() / host_tsc_khz(), 1.0, 0.05);
    EXPECT_EQ(host_tsc_khz(), host_tsc_khz());
}

}  // namespace
}  // namespace landfall
