// A live session with its trace: steps come one at a time, are checked before they are sent, and judged at
// the end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "landfall/validate.hpp"
#include "rig/scenario_run.hpp"

namespace landfall {

class LiveRun {
  public:
    /// Binds the devices (all of the rig's if empty). Throws LabError or RigDied. The rig must outlive this.
    LiveRun(Rig& rig, const std::vector<std::string>& devices, RunOptions options = {});
    LiveRun(const LiveRun&) = delete;
    LiveRun& operator=(const LiveRun&) = delete;

    /// Runs one line of the scenario language and returns what happened. Throws TextError for a line the
    /// scenario so far does not allow, and then nothing was sent; RigDied if the rig is lost; LabError after
    /// an unmet or broken step, which is a run's last.
    Outcome step(const std::string& text);

    /// Ends the session and judges its trace. A rig that died is part of the result, as in run_scenario().
    [[nodiscard]] RunResult finish();

  private:
    void mourn(const RigDied& death);

    RunOptions options_;
    Rig& rig_;
    std::size_t console_before_;
    Recorder recorder_;
    Validator validator_;
    unsigned steps_ = 0;
    bool over_ = false, lost_ = false;
    std::unique_ptr<Session> session_;
};

}  // namespace landfall
