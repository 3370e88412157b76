// What became of a scenario on a rig, as commands tell it: to a terminal, to a CI, into files.
#pragma once

#include <string>

#include "rig/junit.hpp"
#include "rig/scenario_run.hpp"

namespace landfall {

/// The value of a fact of one word, such as "kernel"; empty if the trace has none.
[[nodiscard]] std::string fact_value(const Trace& trace, std::string_view key);
/// The few lines that prove the gravest violation (the first that is new, else the first), which notes them as its
/// witness. Empty if there is none.
[[nodiscard]] Trace prove(RunResult& result, const CheckOptions& options);
/// A pass that rests on findings already understood.
[[nodiscard]] bool only_known(const RunResult& result);
/// "pass", "known", "violation", "inconclusive", "unmet".
[[nodiscard]] const char* word_for(const RunResult& result);
/// The status of a whole run: the gravest that any scenario had. One that could not run here is a skip beside one
/// that passed; only where nothing ran at all is the status `unmet`.
[[nodiscard]] ExitStatus graver(ExitStatus a, ExitStatus b);
/// To stdout: a line, every violation explained, the end of the console of a run that proved nothing; with `story` every step.
void tell(const std::string& name, const RunResult& result, double seconds, bool story);
[[nodiscard]] JunitCase junit_case(const std::string& suite, const std::string& rig, const std::string& name,
                                   const RunResult& result, double seconds);
/// DIR/NAME.trace, .console and, unless it passed, .txt with the explanation and .witness.trace with the few lines
/// of prove().
void keep_files(const std::string& directory, const std::string& name, const RunResult& result, const Trace& proof);

}  // namespace landfall
