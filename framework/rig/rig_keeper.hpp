// Keeps the machine that scenarios run on: started when first needed, and again after it was lost.
#pragma once

#include <memory>

#include "rig/scenario_run.hpp"

namespace landfall {

class RigKeeper {
  public:
    using Start = std::function<std::unique_ptr<Rig>(const RigFile&, const RigOptions&)>;
    RigKeeper(RigFile file, RigOptions options, Start start = start_rig)
        : file_(std::move(file)), options_(std::move(options)), start_(std::move(start)) {}

    /// The rig, checked, or restored to a state that was found fit. Throws LabError if it does not start, or is not what its file says.
    [[nodiscard]] Rig& get();
    /// As run_scenario() on it, and then after(). Where no session begins any more although one did before, the rig is left for another:
    /// what a scenario leaves behind in a kernel does not stand in the way of the next one. Throws as get() and run_scenario().
    [[nodiscard]] RunResult run(const Scenario& scenario, const RunOptions& options);
    /// Leaves a rig that died for another, and one in which something went wrong, known or not: a stale translation, say, is there for as long as
    /// the machine is, and would be found in every run that follows.
    void after(const RunResult& result);
    void leave() { rig_.reset(); }
    [[nodiscard]] const RigFile& file() const { return file_; }

  private:
    RigFile file_;
    RigOptions options_;
    Start start_;
    std::unique_ptr<Rig> rig_;
    bool used_ = false;
};

}  // namespace landfall
