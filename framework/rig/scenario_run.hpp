// One scenario on one rig, judged while it runs. `landfall run` and the Python side both stand on this.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "landfall/checker.hpp"
#include "rig/rig.hpp"

namespace landfall {

struct RunOptions {
    CheckOptions check;
    std::function<void(const Line&)> on_line;  ///< every line of the trace as it comes; may be empty
    bool fail_fast = false;                    ///< stop at the first violation; what was left out makes no pass
};

struct RunResult {
    Trace trace;
    Verdict verdict;
    std::string console;   ///< what the rig's console said during the run
    bool rig_lost = false;  ///< the rig died under it: do not use it again
};

/// Writes a trace while it grows, and judges it. Shared by runs of a scenario and by live sessions.
class Recorder {
  public:
    Recorder(std::string file, const RunOptions& options);
    void add(Line line);
    [[nodiscard]] bool empty() const { return result_.trace.lines.empty(); }
    [[nodiscard]] bool violated() const { return !checker_.violations().empty(); }
    /// Whether a step came out unmet or broken, so that no later one means anything.
    [[nodiscard]] bool over() const { return over_; }
    [[nodiscard]] Nanoseconds last_time() const { return last_; }
    /// The verdict on what was added; the trace is given away.
    [[nodiscard]] RunResult finish();

  private:
    const RunOptions& options_;
    Checker checker_;
    Nanoseconds last_;
    bool over_ = false;
    RunResult result_;
};

/// The frame of every run: names the rig, starts a session on `devices`, and lets `play` run its steps. A rig that dies
/// meanwhile is the trace's last line: a finding if its kernel died. Throws LabError, and has told nobody of a line, if the session cannot start.
[[nodiscard]] RunResult run_recorded(Rig& rig, const std::string& file, const std::vector<std::string>& devices,
                                     const RunOptions& options,
                                     const std::function<void(Session&, Recorder&)>& play);

/// A function the rig does not have makes the scenario unmet; everything else is as run_recorded() has it.
[[nodiscard]] RunResult run_scenario(Rig& rig, const Scenario& scenario, const RunOptions& options = {});

/// The first line of every trace: which rig it is of.
[[nodiscard]] Line rig_line(const RigFile& rig);

/// The line to put into a trace when the rig died: a kernel event if its kernel said so, else a lab event.
[[nodiscard]] Line obituary(const RigDied& death, Nanoseconds when);

}  // namespace landfall
