// One scenario on a machine whose clock counts instructions and that is told everything before it begins, so that nothing
// comes to it from outside: the same program on the same rig gives the same trace, times included.
#pragma once

#include <string>

#include "rig/scenario_run.hpp"

namespace landfall {

/// Throws LabError for a rig that would not do the same again.
void expect_deterministic(const RigFile& file);

/// Boots a machine for this one scenario. Throws as start_rig() and expect_deterministic().
[[nodiscard]] RunResult deterministic_run(const RigFile& file, const Scenario& scenario, const RigOptions& boot,
                                          const RunOptions& options);

/// The lines that a session sends for a scenario, all of them.
[[nodiscard]] std::string session_lines(const Scenario& scenario);

}  // namespace landfall
