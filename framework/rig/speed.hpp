// What it costs to know where every DMA landed: the same pump on the same guest, judged and bare.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "rig/qemu_rig.hpp"

namespace landfall {

struct SpeedOptions {
    std::string device;                ///< a name of the rig file; empty: its first function
    std::uint64_t length = 1024;       ///< bytes of a DMA
    unsigned deep = 1;                 ///< DMAs under way, at most, each at a place of its own
    std::chrono::milliseconds time{};  ///< of one pump
    unsigned rounds = 3;               ///< of both kinds, in turn
};

struct SpeedReport {
    std::string device;
    std::vector<double> bare, judged;  ///< DMAs/s, round by round
    /// Of the medians, judged to bare.
    [[nodiscard]] double ratio() const;
};

/// Throws LabError if a judged pump does not pass, or a bare one does no DMA at all.
[[nodiscard]] SpeedReport measure_speed(QemuRig& rig, const SpeedOptions& options);

/// The middle one, of two the mean; of none 0.
[[nodiscard]] double median(std::vector<double> values);

}  // namespace landfall
