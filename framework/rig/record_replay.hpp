// One scenario on a machine that QEMU records, and the same once more from the recording (docs/system/replay.rst of QEMU's
// source): the same instructions, the same interrupts between them, the same times, the same memory.
#pragma once

#include <functional>
#include <string>

#include "rig/recording.hpp"
#include "rig/scenario_run.hpp"

namespace landfall {

/// Throws LabError for a rig that cannot be recorded.
void expect_recordable(const RigFile& file);

/// Boots a machine for this one scenario and leaves all that is needed to replay it in `recording`, whatever became of the
/// scenario. Throws as start_rig(), and LabError for a rig that cannot be recorded or a recording that is not whole.
[[nodiscard]] RunResult record_run(const RigFile& file, const Scenario& scenario, const RigOptions& boot, const RunOptions& options,
                                   NewRecording& recording);

struct ReplayOptions {
    RunOptions run;
    std::function<void(const std::string&)> log;  ///< progress, one line each; may be empty
    /// Path of a socket on which QEMU waits for a debugger, who has the machine then: it lets it run, nothing else halts it, and
    /// the witness looks when it comes to it. May be empty.
    std::string gdb;
};

struct Replayed {
    RunResult run;
    std::string difference;  ///< the first from the recorded run, in two lines; empty if there is none
};

/// Does a recorded run again. Throws LabError for a recording that this QEMU or this landfall cannot replay.
[[nodiscard]] Replayed replay_run(const Recording& recording, const ReplayOptions& options);

/// Line by line. Of a last `! lab` line only that it is there: it is what the lab says of a machine that it lost, and one that
/// replays is lost in another way than one that was too slow.
[[nodiscard]] std::string first_difference(const Trace& recorded, const Trace& replayed);

}  // namespace landfall
