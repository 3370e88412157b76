// How fast this machine's time stamp counter counts, which is a guest's as well.
#pragma once

namespace landfall {

/// In kHz, measured once against CLOCK_MONOTONIC: whole MHz, so that one machine gives one answer, and a guest told so keeps
/// time to a few parts in ten thousand. 0 of a machine that has no such counter.
[[nodiscard]] unsigned host_tsc_khz();

}  // namespace landfall
