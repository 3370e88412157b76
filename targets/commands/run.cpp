// `landfall run SCENARIO... --rig NAME`: boots the rig, runs every scenario on it, judges every DMA.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "commands/boot_options.hpp"
#include "commands/commands.hpp"
#include "commands/results.hpp"
#include "landfall/report.hpp"
#include "landfall/scenario.hpp"
#include "os/files.hpp"
#include "rig/deterministic_run.hpp"
#include "rig/known_file.hpp"
#include "rig/record_replay.hpp"
#include "rig/rig_keeper.hpp"

namespace landfall {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
    std::vector<std::string> scenarios;
    std::string rig = "sim", output, junit, record;
    RigOptions boot;
    bool deterministic = false, story = false, fail_fast = false, quiet = false;
};

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
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

/// Nothing if no run is to be recorded. Throws before anything has run.
std::optional<NewRecording> begin_recording(const Arguments& arguments, std::size_t scenarios, const RigFile& rig) {
    if (arguments.record.empty()) return std::nullopt;
    if (scenarios != 1) throw TextError({"--record", 0, 0}, fmt::format("{} scenarios", scenarios), "one");
    expect_recordable(rig);
    return std::optional<NewRecording>(std::in_place, arguments.record);
}

/// A machine that is recorded, or deterministic, runs the scenario and nothing else. That the rig is fit is seen on another.
RunResult run_one(const Arguments& arguments, const Scenario& scenario, const RunOptions& options, RigKeeper& rig,
                  std::optional<NewRecording>& recording) {
    if (!recording && !arguments.deterministic) return rig.run(scenario, options);
    rig.leave();
    if (recording) return record_run(rig.file(), scenario, arguments.boot, options, *recording);
    return deterministic_run(rig.file(), scenario, arguments.boot, options);
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
    auto recording = begin_recording(arguments, scenarios.size(), rig.file());
    if (arguments.deterministic) expect_deterministic(rig.file());
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
        if (!arguments.deterministic || cases.empty()) static_cast<void>(rig.get());
        const auto started = Clock::now();
        auto result = run_one(arguments, scenario, options, rig, recording);
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
    auto* fail_fast = command->add_flag("--fail-fast", a.fail_fast, "stop at the first violation");
    auto* record = command->add_option("--record", a.record, "a new directory: the run is recorded there, for landfall replay");
    command->add_flag("--deterministic", a.deterministic, "a virtual rig that counts instructions: the same trace every time, times included")
        ->excludes(fail_fast)
        ->excludes(record);
    record->excludes(fail_fast);
    command->add_flag("-q,--quiet", a.quiet, "no progress on stderr");
    command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace landfall
