// The few lines of a trace that prove a violation.
#pragma once

#include "landfall/checker.hpp"

namespace landfall {

/// A trace of its own, made of lines of `trace` with their numbers: a valid scenario whose check() finds the
/// same violation and nothing that has no part in it. No line but `end` can be left out, unless a limit on
/// the work was hit first: a second at most, whatever the trace's length. `options` as they were when the
/// violation was found.
[[nodiscard]] Trace witness(const Trace& trace, const Violation& violation, const CheckOptions& options = {});

/// The numbers of a trace's lines: what Violation::witness lists.
[[nodiscard]] std::vector<unsigned> numbers_of(const Trace& trace);

/// The violation with the lines of its witness(), for explain().
[[nodiscard]] Violation proven(const Trace& trace, Violation violation, const CheckOptions& options = {});

}  // namespace landfall
