#include <fmt/format.h>

#include <algorithm>

#include "fuzz/property.hpp"
#include "landfall/divergence.hpp"
#include "landfall/model.hpp"
#include "landfall/report.hpp"
#include "landfall/witness.hpp"
#include "report/report_data.hpp"

namespace landfall::fuzz {
namespace {

constexpr std::size_t kMostWitnessed = 60;  // lines

bool is_scenario(std::string_view text) { return accepted<Scenario>(text).has_value(); }

// What stands behind the end is not judged, and may be what a pump or a start before it needs to make sense.
Trace to_its_end(Trace trace) {
    const auto end = std::ranges::find_if(trace.lines, [](const Line& line) {
        return line.fact() != nullptr && std::holds_alternative<EndFact>(*line.fact());
    });
    if (end != trace.lines.end()) trace.lines.erase(end + 1, trace.lines.end());
    return trace;
}

// The witness of a run of a scenario is one itself, and shows what it is the witness of.
void is_witnessed(const Trace& trace, const Violation& violation, const CheckOptions& options) {
    const auto lines = witness(trace, violation, options);
    const auto verdict = check(lines, options);
    insist(is_scenario(lines.print()), "the witness is no scenario:\n" + lines.print());
    insist(std::ranges::any_of(verdict.violations,
                               [&](const Violation& v) { return v.rule == violation.rule && v.line == violation.line; }),
           fmt::format("the witness of {} (line {}) shows something else:\n{}", violation.rule, violation.line,
                       lines.print()));
}

void is_shown(const Trace& trace, const Verdict& verdict, const std::string& model) {
    static_cast<void>(story(trace, verdict));
    static_cast<void>(summary(verdict));
    for (const auto& v : verdict.violations) static_cast<void>(explain(trace, v));
    ReportData page(trace.file, model);
    for (const auto& line : trace.lines) page.feed(line);
    insist(page.json(verdict, trace.cut).find('<') == std::string::npos, "the page's data end its script");
}

}  // namespace

void trace_holds(std::string_view text) {
    const auto read = accepted<Trace>(text);
    if (!read) return;
    const auto& trace = *read;
    reads_back(trace.lines);
    const auto verdict = check(trace);
    insist(verdict.kind != Verdict::Kind::pass || !trace.cut, "a trace that is cut passes");
    survives_cut(text, verdict);
    // The other models are judged by in turn, and only short witnesses are looked for: a text is to take milliseconds.
    const auto models = model_names();
    CheckOptions options;
    options.model = models[number_of(text) % models.size()];
    const auto divergence = diverge(trace, {}, options.model);
    static_cast<void>(divergence_text(trace, divergence));
    const auto& other = divergence.verdicts[1];
    is_shown(trace, other, options.model);
    if (trace.lines.size() <= kMostWitnessed && !other.violations.empty() && is_scenario(to_its_end(trace).print()))
        is_witnessed(trace, other.violations[number_of(text) % other.violations.size()], options);
}

}  // namespace landfall::fuzz
