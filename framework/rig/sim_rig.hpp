// The embedded rig: a simulated machine in this process. Nothing to install, no privileges, the same trace
// for the same seed on every machine.
#pragma once

#include "rig/rig.hpp"
#include "sim/play.hpp"

namespace landfall {

class SimRig final : public Rig {
  public:
    /// Throws TextError for an unknown fault.
    SimRig(RigFile file, const RigOptions& options);
    [[nodiscard]] const RigFile& file() const override { return file_; }
    /// Every session is a machine of its own, and every one of a rig takes the same seed.
    [[nodiscard]] std::unique_ptr<Session> session(const std::vector<std::string>& devices) override;
    [[nodiscard]] std::string console() const override { return {}; }

  private:
    RigFile file_;
    sim::Config config_;
    std::uint64_t seed_;
};

/// The machine a rig file of kind sim describes, getting wrong what is named. Throws LabError for a rig of another
/// kind, TextError for an unknown fault.
[[nodiscard]] sim::Config sim_config(const RigFile& file, const std::vector<std::string>& faults);

}  // namespace landfall
