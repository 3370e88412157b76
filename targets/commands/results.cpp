#include "commands/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "landfall/report.hpp"
#include "landfall/witness.hpp"
#include "os/files.hpp"

namespace landfall {

std::string fact_value(const Trace& trace, std::string_view key) {
    for (const auto& line : trace.lines)
        if (const auto* f = line.fact())
            if (const auto* t = std::get_if<TextFact>(f); t != nullptr && t->key == key) return t->value;
    return {};
}

Trace prove(RunResult& result, const CheckOptions& options) {
    auto& found = result.verdict.violations;
    if (found.empty()) return {};
    const auto fresh = std::ranges::find_if(found, [](const Violation& v) { return v.known.empty(); });
    auto& gravest = fresh != found.end() ? *fresh : found.front();
    auto proof = witness(result.trace, gravest, options);
    gravest.witness = numbers_of(proof);
    return proof;
}

bool only_known(const RunResult& r) {
    return r.verdict.kind == Verdict::Kind::pass && !r.verdict.violations.empty();
}

const char* word_for(const RunResult& r) { return only_known(r) ? "known" : verdict_str(r.verdict.kind); }

ExitStatus graver(ExitStatus a, ExitStatus b) {
    for (const auto s : {ExitStatus::violation, ExitStatus::lab, ExitStatus::inconclusive, ExitStatus::pass})
        if (a == s || b == s) return s;
    return ExitStatus::unmet;
}

void tell(const std::string& name, const RunResult& result, double seconds, bool story) {
    const auto& v = result.verdict;
    if (story) fmt::print("{}\n", landfall::story(result.trace, v));
    fmt::print("{:<12} {:<36} {:>4} steps {:>5} DMAs {:>7.2f} s", word_for(result), name, v.steps, v.dmas, seconds);
    fmt::print("{}\n", v.reason.empty() ? "" : "  " + v.reason);
    for (const auto& violation : v.violations) {
        if (violation.known.empty()) fmt::print("\n{}\n", explain(result.trace, violation));
        else fmt::print("  known: {}: {} [{}]\n", violation.rule, violation.summary, violation.known);
    }
    if (v.kind == Verdict::Kind::inconclusive || result.rig_lost) {
        const auto& c = result.console;
        fmt::print("last of the console:\n{}\n", c.substr(c.size() - std::min<std::size_t>(c.size(), 2000)));
    }
    std::fflush(stdout);
}

JunitCase junit_case(const std::string& suite, const std::string& rig, const std::string& name,
                     const RunResult& result, double seconds) {
    JunitCase c{suite, name, seconds, JunitCase::Kind::pass, result.verdict.reason, {}, {}};
    c.properties = {{"rig", rig},
                    {"kernel", fact_value(result.trace, "kernel")},
                    {"iommu", fact_value(result.trace, "iommu")},
                    {"verdict", verdict_str(result.verdict.kind)}};
    switch (result.verdict.kind) {
        case Verdict::Kind::pass: break;
        case Verdict::Kind::unmet: c.kind = JunitCase::Kind::skipped; break;
        case Verdict::Kind::inconclusive: c.kind = JunitCase::Kind::error; break;
        case Verdict::Kind::violation: c.kind = JunitCase::Kind::failure; break;
    }
    for (const auto& v : result.verdict.violations) {
        if (c.message.empty()) c.message = v.rule + ": " + v.summary;
        c.detail += explain(result.trace, v) + '\n';
    }
    if (c.kind != JunitCase::Kind::pass) c.detail += "console:\n" + result.console;
    return c;
}

void keep_files(const std::string& directory, const std::string& name, const RunResult& result, const Trace& proof) {
    const auto base = std::filesystem::path(directory) / name;
    write_file(base.string() + ".trace", result.trace.print());
    write_file(base.string() + ".console", result.console);
    std::string text;
    for (const auto& v : result.verdict.violations) text += explain(result.trace, v) + '\n';
    if (!text.empty()) write_file(base.string() + ".txt", text);
    if (!proof.lines.empty()) write_file(base.string() + ".witness.trace", proof.print());
}

}  // namespace landfall
