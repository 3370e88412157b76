// Scenarios on several rigs and kernels: every rig with every kernel is a machine that is booted once, and as many
// machines run at a time as there is room for.
#pragma once

#include <string>
#include <vector>

#include "landfall/scenario.hpp"
#include "rig/scenario_run.hpp"

namespace landfall {

/// A rig with a kernel.
struct MatrixColumn {
    RigFile rig;
    std::string kernel;  ///< a name, image or source tree; empty: the one of the rig
    /// "edu-pair-vtd", or with a kernel of its own "edu-pair-vtd, 7.3".
    [[nodiscard]] std::string title() const;
};

struct MatrixCell {
    RunResult result;
    double seconds = 0;
};

/// What came of one column. A machine that does not start, or is not fit, has no cells from there on.
struct MatrixResult {
    std::vector<MatrixCell> cells;  ///< one a scenario, in their order
    std::string trouble;            ///< why there are no more; empty if they are all there
};

struct MatrixOptions {
    RigOptions boot;  ///< its kernel is not looked at; `log` is called from several threads, one at a time
    RunOptions run;
    unsigned at_once = 0;  ///< machines; 0: as many as processors and free memory allow
};

/// Every rig with every kernel, in the order of the rigs; a simulated rig, which boots none, once. `kernels` may be
/// empty. Throws TextError for a rig there is not.
[[nodiscard]] std::vector<MatrixColumn> matrix_columns(const std::vector<std::string>& rigs,
                                                       const std::vector<std::string>& kernels);

/// One result a column, in their order. A rig that was lost is started again for the next scenario.
[[nodiscard]] std::vector<MatrixResult> run_matrix(const std::vector<Scenario>& scenarios,
                                                   const std::vector<MatrixColumn>& columns,
                                                   const MatrixOptions& options);

/// Machines of these rigs that may run at a time, at least one: `processors`, and what `free_mib` has room for.
[[nodiscard]] unsigned machines_at_once(const std::vector<MatrixColumn>& columns, unsigned processors,
                                        std::uint64_t free_mib);

}  // namespace landfall
