#include "fuzz/property.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace landfall::fuzz {

const std::vector<Property>& properties() {
    static const std::vector<Property> all{
        {"scenario", scenario_holds, {"scenarios"}},
        {"trace", trace_holds, {"traces/pass", "traces/fail"}},
        {"yaml", yaml_holds, {"rigs", "kernels", "known"}},
        {"dump", dump_holds, {"reports"}},
    };
    return all;
}

void insist(bool holds, const std::string& what) {
    if (!holds) throw std::logic_error(what);
}

void reads_back(const std::vector<Line>& lines) {
    const Trace as_read{"<text>", lines, false};
    const auto printed = as_read.print();
    const auto again = Trace::parse(printed, as_read.file);
    const auto differs = std::ranges::mismatch(lines, again.lines).in1;
    insist(again.lines.size() == lines.size() && differs == lines.end(),
           "what was printed reads back differently: " + (differs == lines.end() ? "" : print(*differs)));
    insist(again.print() == printed, "printed twice, the lines differ:\n" + printed);
}

// FNV-1a
std::uint64_t number_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
}

void survives_cut(std::string_view text, const Verdict& whole) {
    const auto at = number_of(text) % (text.size() + 1);
    const auto trace = Trace::parse(text.substr(0, at));
    const bool ended = std::ranges::any_of(trace.lines, [](const Line& line) {
        return line.fact() != nullptr && std::holds_alternative<EndFact>(*line.fact());
    });
    const auto verdict = check(trace);
    insist(verdict.kind != Verdict::Kind::pass || (ended && !trace.cut),
           fmt::format("cut at byte {} the trace passes", at));
    if (whole.dropped > 0) return;
    for (const auto& v : verdict.violations)
        insist(std::ranges::any_of(whole.violations,
                                   [&](const Violation& w) { return w.rule == v.rule && w.line == v.line; }),
               fmt::format("only when cut at byte {} line {} is wrong: {}: {}", at, v.line, v.rule, v.summary));
}

}  // namespace landfall::fuzz
