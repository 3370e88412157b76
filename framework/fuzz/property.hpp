// What must hold whatever text the lab is given. libFuzzer looks for a text for which it does not (lab/fuzz); what
// it kept is read again whenever the tests run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "landfall/checker.hpp"
#include "landfall/error.hpp"

namespace landfall::fuzz {

struct Property {
    std::string_view name;
    /// Throws std::logic_error if it does not hold. A text that is refused as it should be is fine.
    void (*hold)(std::string_view text);
    std::vector<std::string_view> seeds;  ///< folders of fixtures that are such texts
};
[[nodiscard]] const std::vector<Property>& properties();

/// A scenario: reads back as it was printed, and on a simulated machine without faults nothing is found wrong.
void scenario_holds(std::string_view text);
/// A trace: reads back as it was printed, is judged by every model, explained and shown; cut short, it never passes.
void trace_holds(std::string_view text);
/// A rig, a kernel definition or a known finding: read or refused, and a simulated rig that was read can run.
void yaml_holds(std::string_view text);
/// The output of lspci: read or refused, and what was read can be shown.
void dump_holds(std::string_view text);

// ---- shared by them

void insist(bool holds, const std::string& what);
/// The text as a Scenario or a Trace; nullopt if it is refused.
template <class Text>
[[nodiscard]] std::optional<Text> accepted(std::string_view text) {
    try {
        return Text::parse(text);
    } catch (const TextError&) {
        return std::nullopt;
    }
}
/// Printed and parsed, the lines are the same.
void reads_back(const std::vector<Line>& lines);
/// A number made from the text: what a property has to choose hangs on nothing else.
[[nodiscard]] std::uint64_t number_of(std::string_view text);
/// A trace that is cut short somewhere does not pass, and nothing is wrong in it that is not wrong in the whole.
void survives_cut(std::string_view text, const Verdict& whole);

}  // namespace landfall::fuzz
