// Verdicts told to people. Plain text, UTF-8, no colour unless asked for.
#pragma once

#include <string>

#include "landfall/checker.hpp"

namespace landfall {

struct ReportStyle {
    bool color = false;    ///< ANSI escape sequences
    unsigned width = 100;  ///< columns; longer texts are wrapped or cut
};

/// One violation: what was promised, what may have happened, what was seen, and the steps around it on a
/// timeline.
[[nodiscard]] std::string explain(const Trace& trace, const Violation& violation,
                                  const ReportStyle& style = {});

/// The whole run: each step, where each DMA landed, what was wrong, the verdict. The trace's comments
/// narrate.
[[nodiscard]] std::string story(const Trace& trace, const Verdict& verdict, const ReportStyle& style = {});

/// "violation: landing (line 24), outcome (line 30); 16 steps, 3 DMAs, 1 fault".
[[nodiscard]] std::string summary(const Verdict& verdict);

}  // namespace landfall
