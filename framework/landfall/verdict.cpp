#include "landfall/checker.hpp"
#include "landfall/rules/rule.hpp"

namespace landfall {

Verdict check(const Trace& trace, const CheckOptions& options) {
    Checker checker(options);
    for (const auto& line : trace.lines) checker.feed(line);
    return checker.finish(trace.cut);
}

std::vector<RuleInfo> rules() {
    std::vector<RuleInfo> out;
    for (const auto& rule : rule_table()) out.push_back({rule.id, rule.promise, rule.source});
    return out;
}

const char* verdict_str(Verdict::Kind kind) {
    switch (kind) {
        case Verdict::Kind::pass: return "pass";
        case Verdict::Kind::violation: return "violation";
        case Verdict::Kind::inconclusive: return "inconclusive";
        case Verdict::Kind::unmet: return "unmet";
    }
    return "";
}

ExitStatus Verdict::exit_status() const {
    switch (kind) {
        case Kind::pass: return ExitStatus::pass;
        case Kind::violation: return ExitStatus::violation;
        case Kind::inconclusive: return ExitStatus::inconclusive;
        case Kind::unmet: return ExitStatus::unmet;
    }
    return ExitStatus::inconclusive;
}

}  // namespace landfall
