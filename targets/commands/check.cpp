// `landfall check TRACE...`: judges runs that are over, or, on standard input, one that is under way.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "commands/commands.hpp"
#include "commands/results.hpp"
#include "landfall/divergence.hpp"
#include "landfall/model.hpp"
#include "landfall/report.hpp"
#include "landfall/witness.hpp"
#include "rig/known_file.hpp"

namespace landfall {
namespace {

struct Arguments {
    std::vector<std::string> traces, models;
    CheckOptions check;
    bool explain = false, story = false, rules = false;
};

void print_rules() {
    for (const auto& rule : rules()) fmt::print("{}\n    {}\n    {}\n", rule.id, rule.promise, rule.source);
}

// Traces may be larger than memory, so the lines are kept only if they are to be shown.
Verdict judge(const std::string& path, const CheckOptions& options, Trace* keep) {
    Checker checker(options);
    const bool cut = read_trace(path, [&](Line&& line) {
        if (keep != nullptr) keep->lines.push_back(line);
        checker.feed(std::move(line));
    });
    return checker.finish(cut);
}

// Where a second model parts from the first, whose verdict counts.
ExitStatus compare(const std::string& path, const CheckOptions& options, const std::string& other) {
    Trace trace{path, {}, false};
    trace.cut = read_trace(path, [&](Line&& line) { trace.lines.push_back(std::move(line)); });
    const auto divergence = diverge(trace, options, other);
    fmt::print("{}\n{}", path, divergence_text(trace, divergence));
    return divergence.verdicts[0].exit_status();
}

ExitStatus judge_and_print(const std::string& path, const Arguments& a) {
    const ReportStyle style{::isatty(STDOUT_FILENO) != 0, 100};
    Trace trace{path, {}, false};
    const auto verdict = judge(path, a.check, a.explain || a.story ? &trace : nullptr);
    if (a.story) fmt::print("{}\n", story(trace, verdict, style));
    fmt::print("{}: {}\n", path, summary(verdict));
    for (const auto& v : verdict.violations) {
        if (a.explain)
            fmt::print("\n{}", explain(trace, proven(trace, v, a.check), style));
        else
            fmt::print("  {}{}: {}\n", v.known.empty() ? "" : "known: ", v.rule, v.summary);
    }
    return verdict.exit_status();
}

ExitStatus check_all(const Arguments& a) {
    auto worst = ExitStatus::unmet;
    for (const auto& path : a.traces) {
        const auto status =
            a.models.size() == 2 ? compare(path, a.check, a.models[1]) : judge_and_print(path, a);
        worst = graver(worst, status);
    }
    return worst;
}

}  // namespace

void add_check(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("check", "judge traces of runs that are over");
    const auto arguments = std::make_shared<Arguments>();
    auto& a = *arguments;
    command->add_option("trace", a.traces, "trace files; - is stdin");
    command
        ->add_option("--model", a.models,
                     "what the kernel is taken to promise [what the trace says it is]; given twice: show where the two part")
        ->check(CLI::IsMember(model_names()))
        ->allow_extra_args(false);
    command->add_flag("--explain", a.explain, "show the evidence for each violation");
    command->add_flag("--story", a.story, "tell each run step by step");
    command->add_flag("--rules", a.rules, "list the rules, their promises and where those are written");
    command->callback([arguments, &status] {
        if (arguments->rules) return print_rules();
        if (arguments->traces.empty()) throw CLI::RequiredError("trace");
        if (arguments->models.size() > 2) throw CLI::ValidationError("--model", "two at most");
        if (arguments->models.size() == 2 && (arguments->explain || arguments->story))
            throw CLI::ValidationError("--model", "given twice, there is no --explain and no --story");
        if (!arguments->models.empty()) arguments->check.model = arguments->models.front();
        arguments->check.known = load_known();
        status = check_all(*arguments);
    });
}

}  // namespace landfall
