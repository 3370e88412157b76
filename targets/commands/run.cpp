// `landfall run SCENARIO... --rig NAME`: boots the rig, runs every scenario on it, judges every DMA.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "commands/boot_options.hpp"
#include "commands/commands.hpp"
#include "commands/results.hpp"
#include "landfall/report.hpp"
#include "landfall/scenario.hpp"
#include "os/files.hpp"
#include "rig/known_file.hpp"
#include "rig/rig_keeper.hpp"

namespace landfall {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
    std::vector<std::string> scenarios;
    std::string rig = "sim", output, junit;
    RigOptions boot;
    bool story = false, fail_fast = false, quiet = false;
};

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
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

Scene scene_of(const Trace& trace) {
    Scene scene;
    for (const auto& line : trace.lines)
        if (line.fact() != nullptr) scene.learn(*line.fact());
    return scene;
}

// A finding that no longer shows is news, too.
void tell_unseen(const std::vector<const Known*>& known) {
    std::vector<std::string> references;
    for (const auto* k : known) references.push_back(k->reference);
    if (!known.empty()) fmt::print("known but not seen on this rig: {}\n", fmt::join(references, "; "));
}

ExitStatus run(Arguments& arguments) {
    // Everything that can be wrong with the texts is said before anything starts.
    std::vector<Scenario> scenarios;
    for (const auto& path : arguments.scenarios) scenarios.push_back(Scenario::read(path));
    if (!arguments.output.empty()) std::filesystem::create_directories(arguments.output);
    arguments.boot.log = [quiet = arguments.quiet](const std::string& text) {
        if (!quiet) fmt::print(stderr, "landfall: {}\n", text);
    };
    RigKeeper rig(load_rig(arguments.rig), arguments.boot);
    RunOptions options;
    options.check.known = load_known();
    options.fail_fast = arguments.fail_fast;

    auto status = ExitStatus::unmet;
    std::vector<JunitCase> cases;
    std::vector<Scene> scenes;
    std::vector<Verdict> verdicts;
    std::size_t known = 0;
    const auto begin = Clock::now();
    std::string kernel;
    for (const auto& scenario : scenarios) {
        const auto name = std::filesystem::path(scenario.file).stem().string();
        auto& machine = rig.get();
        const auto started = Clock::now();
        auto result = run_scenario(machine, scenario, options);
        const auto seconds = seconds_since(started);
        if (auto k = fact_value(result.trace, "kernel"); !k.empty()) kernel = k;
        const auto proof = prove(result, options.check);
        tell(name, result, seconds, arguments.story);
        if (!arguments.output.empty()) keep_files(arguments.output, name, result, proof);
        scenes.push_back(scene_of(result.trace));
        verdicts.push_back(result.verdict);
        cases.push_back(junit_case(rig.file().name, rig.file().name, name, result, seconds));
        known += only_known(result) ? 1 : 0;
        status = graver(status, result.verdict.exit_status());
        if (result.rig_lost) rig.lost();
        if (arguments.fail_fast && status == ExitStatus::violation) break;
    }
    if (!arguments.junit.empty()) write_file(arguments.junit, junit_xml(cases));
    const auto count = [&](JunitCase::Kind k) { return std::ranges::count(cases, k, &JunitCase::kind); };
    const auto with_known = known == 0 ? std::string() : fmt::format(" ({} of them with known findings only)", known);
    fmt::print("{} passed{}, {} failed, {} skipped, {} inconclusive on {} ({}, Linux {}) in {:.1f} s\n",
               count(JunitCase::Kind::pass), with_known, count(JunitCase::Kind::failure), count(JunitCase::Kind::skipped),
               count(JunitCase::Kind::error), rig.file().name, rig.file().iommu, kernel, seconds_since(begin));
    tell_unseen(unseen(options.check.known, scenes, verdicts));
    return status;
}

}  // namespace

void add_run(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("run", "run scenarios on a rig and judge every DMA");
    const auto arguments = std::make_shared<Arguments>();
    auto& a = *arguments;
    command->add_option("scenario", a.scenarios, "scenario files; a trace is one, too; - is stdin")->required();
    command->add_option("--rig", a.rig, "a rig that ships (landfall rig list) or a rig file")->capture_default_str();
    command->add_option("--seed", a.boot.seed, "of a simulated rig: which history")->capture_default_str();
    command->add_option("--fault", a.boot.faults, "of a simulated rig: what it gets wrong (landfall faults)");
    add_boot_options(*command, a.boot);
    command->add_option("-o,--output", a.output, "directory for traces, consoles and explanations");
    command->add_option("--junit", a.junit, "write a JUnit XML report to this file");
    command->add_flag("--story", a.story, "tell each run step by step");
    command->add_flag("--fail-fast", a.fail_fast, "stop at the first violation");
    command->add_flag("-q,--quiet", a.quiet, "no progress on stderr");
    command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace landfall
