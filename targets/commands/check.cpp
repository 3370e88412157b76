// `landfall check TRACE...`: judges runs that are over, or, on standard input, one that is under way.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "commands/commands.hpp"
#include "landfall/model.hpp"
#include "landfall/report.hpp"
#include "rig/known_file.hpp"

namespace landfall {
namespace {

struct Arguments {
    std::vector<std::string> traces;
    CheckOptions check;
    bool explain = false, story = false, rules = false;
};

void print_rules() {
    for (const auto& rule : rules()) fmt::print("{}\n    {}\n    {}\n", rule.id, rule.promise, rule.source);
}

// Traces may be larger than memory, so the lines are kept only if they are to be shown.
Verdict judge(const std::string& path, const CheckOptions& options, Trace* keep) {
    Checker checker(options);
    const bool cut = read_trace(path, [&](const Line& line) {
        checker.feed(line);
        if (keep != nullptr) keep->lines.push_back(line);
    });
    return checker.finish(cut);
}

// A violation outweighs a trace that proves nothing, and that an unmet requirement.
int weight(ExitStatus status) {
    switch (status) {
        case ExitStatus::violation: return 3;
        case ExitStatus::inconclusive: return 2;
        case ExitStatus::unmet: return 1;
        default: return 0;
    }
}

ExitStatus check_all(const Arguments& a) {
    const ReportStyle style{::isatty(STDOUT_FILENO) != 0, 100};
    auto worst = ExitStatus::pass;
    for (const auto& path : a.traces) {
        Trace trace{path, {}, false};
        const auto verdict = judge(path, a.check, a.explain || a.story ? &trace : nullptr);
        if (a.story) fmt::print("{}\n", story(trace, verdict, style));
        fmt::print("{}: {}\n", path, summary(verdict));
        for (const auto& v : verdict.violations) {
            if (a.explain)
                fmt::print("\n{}", explain(trace, v, style));
            else
                fmt::print("  {}{}: {}\n", v.known.empty() ? "" : "known: ", v.rule, v.summary);
        }
        worst = std::max(worst, verdict.exit_status(), [](auto x, auto y) { return weight(x) < weight(y); });
    }
    return worst;
}

}  // namespace

void add_check(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("check", "judge traces of runs that are over");
    const auto arguments = std::make_shared<Arguments>();
    auto& a = *arguments;
    command->add_option("trace", a.traces, "trace files; - is stdin");
    command->add_option("--model", a.check.model, "what the kernel is taken to promise")
        ->check(CLI::IsMember(model_names()))
        ->capture_default_str();
    command->add_flag("--explain", a.explain, "show the evidence for each violation");
    command->add_flag("--story", a.story, "tell each run step by step");
    command->add_flag("--rules", a.rules, "list the rules, their promises and where those are written");
    command->callback([arguments, &status] {
        if (arguments->rules) return print_rules();
        if (arguments->traces.empty()) throw CLI::RequiredError("trace");
        arguments->check.known = load_known();
        status = check_all(*arguments);
    });
}

}  // namespace landfall
