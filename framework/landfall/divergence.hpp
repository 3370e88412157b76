// Where two models part: one trace, two beliefs about what the kernel does with it. A pure function.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "landfall/checker.hpp"

namespace landfall {

/// A device is on different domains, by one model and by the other, between two steps.
struct Parting {
    std::string device;
    std::array<std::string, 2> views;  ///< "two"; "two, told one" where its owner was told something else
    unsigned from = 0, until = 0;      ///< lines of the steps; until 0: to the end
};

/// A step to which the models owe different answers.
struct Dispute {
    unsigned line = 0;
    std::string observed;
    std::array<std::string, 2> owed;  ///< with the reason, if there is one
};

struct Divergence {
    std::array<std::string, 2> models;
    std::array<Verdict, 2> verdicts;
    std::vector<std::string> devices;  ///< in the order of the trace
    std::vector<Parting> partings;     ///< oldest first
    std::vector<Dispute> disputes;     ///< in the order of the trace
};

/// Follows the trace with `options.model` and with `other`, line by line: steps of lanes in the order of
/// their ends, in which they need not have taken effect. The verdicts are those of check(). Throws TextError
/// if there is no such model.
[[nodiscard]] Divergence diverge(const Trace& trace, const CheckOptions& options, const std::string& other);

/// Plain text: device by device, answer by answer, verdict by verdict.
[[nodiscard]] std::string divergence_text(const Trace& trace, const Divergence& divergence);

}  // namespace landfall
