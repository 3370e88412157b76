#include "rig/host_clock.hpp"

#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include <chrono>
#include <cmath>
#include <cstdint>
#include <thread>

namespace landfall {
namespace {

using Clock = std::chrono::steady_clock;

struct Reading {
    Clock::time_point time;
    std::uint64_t ticks = 0;
};

// Only an x86 has the counter: elsewhere it stands still, and counts at 0 kHz.
std::uint64_t time_stamp() {
#ifdef __x86_64__
    return __rdtsc();
#else
    return 0;
#endif
}

// Both clocks at once, or as near to it as a busy machine gets in a few tries.
Reading read_both() {
    constexpr int kTries = 10;
    Reading best;
    auto closest = Clock::duration::max();
    for (int i = 0; i < kTries; ++i) {
        const auto before = Clock::now();
        const std::uint64_t ticks = time_stamp();
        const auto apart = Clock::now() - before;
        if (apart >= closest) continue;
        closest = apart;
        best = {before + apart / 2, ticks};
    }
    return best;
}

unsigned measure() {
    const auto begin = read_both();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto end = read_both();
    const std::chrono::duration<double, std::milli> passed = end.time - begin.time;
    const auto khz = static_cast<double>(end.ticks - begin.ticks) / passed.count();
    return static_cast<unsigned>(std::lround(khz / 1000)) * 1000;
}

}  // namespace

unsigned host_tsc_khz() {
    static const unsigned khz = measure();
    return khz;
}

}  // namespace landfall
