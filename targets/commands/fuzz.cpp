// `landfall fuzz` and `landfall shrink`: scenarios nobody thought of, and the few lines of one that matter.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <memory>
#include <ranges>

#include "commands/boot_options.hpp"
#include "commands/commands.hpp"
#include "landfall/report.hpp"
#include "landfall/witness.hpp"
#include "os/files.hpp"
#include "rig/fuzz.hpp"
#include "rig/known_file.hpp"

namespace landfall {
namespace {

struct FuzzArguments {
    FuzzOptions options;
    std::uint64_t milliseconds = 0;
    std::string output, traces;
    bool no_lanes = false, no_shrink = false, quiet = false;
};

struct ShrinkArguments {
    std::string scenario, rig = "sim", output;
    RigOptions boot;
    CheckOptions check;
    ShrinkOptions shrink;
    bool quiet = false;
};

std::function<void(const std::string&)> log_to_stderr(bool quiet) {
    return [quiet](const std::string& text) {
        if (!quiet) fmt::print(stderr, "landfall: {}\n", text);
    };
}

std::string percent(double p) { return fmt::format("{:.3g} %", 100 * p); }

std::string boot_str(const RigOptions& boot) {
    std::string out;
    for (const auto& f : boot.faults) out += " --fault " + f;
    return out + boot_options_str(boot);
}

// What it takes to see the violation again.
std::string again(const std::string& file, const std::string& rig, const RigOptions& boot, std::uint64_t seed) {
    return fmt::format("landfall run {} --rig {} --seed {}{}", file, rig, seed, boot_str(boot));
}

void show(const ShrinkResult& small, const CheckOptions& check) {
    fmt::print("{}\n", small.scenario.print());
    fmt::print("{}\n", explain(small.trace, proven(small.trace, small.violation, check)));
    if (small.tried == 0) return;
    fmt::print("shrunk in {} tries, {} runs", small.tried, small.runs);
    if (small.before)
        fmt::print("; it failed in {} of {} runs, now in {} of {}: in {} of all or more, at 99 % confidence",
                   small.before->failures, small.before->runs, small.after->failures, small.after->runs,
                   percent(small.after->at_least(0.99)));
    fmt::print("\n");
}

// DIR/fuzz-SEED.scn and its trace; .whole, if that was made small. Returns the path.
std::string keep(const std::string& directory, const Finding& f) {
    std::filesystem::create_directories(directory);
    const auto path = (std::filesystem::path(directory) / fmt::format("fuzz-{}.scn", f.seed)).string();
    write_file(path, f.small.scenario.print());
    if (f.small.tried > 0) write_file(path + ".whole", f.scenario.print());
    if (!f.small.trace.lines.empty()) write_file(path + ".trace", f.small.trace.print());
    return path;
}

// The same scenario once more, where no file was to be written.
std::string once_more(const FuzzArguments& a, const Finding& f) {
    auto out = fmt::format("landfall fuzz --rig {} --seed {} --count 1 --steps {}", f.rig, f.seed,
                           a.options.generate.most_steps);
    if (a.no_lanes) out += " --no-lanes";
    if (!a.options.check.model.empty()) out += " --model " + a.options.check.model;
    if (!a.options.rule.empty()) out += " --rule " + a.options.rule;
    return out + boot_str(a.options.boot);
}

void tell_first(const FuzzArguments& a, const Finding& f) {
    fmt::print("violation of the rule {} on {}: scenario {} (history {}), {} steps{}:\n\n", f.small.violation.rule, f.rig,
               f.seed, f.history, f.scenario.lines.size(), f.small.tried > 0 ? "; what is left of it" : "");
    show(f.small, a.options.check);
    fmt::print("again: {}\n", a.output.empty() ? once_more(a, f)
                                               : again(keep(a.output, f), f.rig, a.options.boot, f.small.seed));
}

void tell(const FuzzArguments& a, const FuzzReport& r) {
    if (!r.findings.empty()) tell_first(a, r.findings.front());
    for (const auto& f : r.findings | std::views::drop(1))
        fmt::print("scenario {} on {}: {}: {}{}\n", f.seed, f.rig, f.small.violation.rule, f.small.violation.summary,
                   a.output.empty() ? std::string() : " (" + keep(a.output, f) + ")");
    for (const auto& [reason, of] : r.reasons)
        fmt::print("{} not judged, the first is scenario {}: {}\n", of.histories, of.seed, reason);
    if (r.disagreement) {
        const auto& d = *r.disagreement;
        fmt::print("scenario {} comes out differently, and the checker allows both:\n", d.seed);
        for (std::size_t i = 0; i < 2; ++i) fmt::print("  {:<16} {}\n", d.rigs[i], print(d.lines[i]));
    }
    for (const auto& [rule, of] : r.by_rule)
        if (a.options.keep_going)
            fmt::print("{} of {} histories violate {}, the first is scenario {}\n", of.histories, r.histories, rule,
                       of.seed);
    const auto seconds = std::max(r.took.count(), 1e-9);
    std::uint64_t violating = 0;
    for (const auto& [rule, of] : r.by_rule) violating += of.histories;
    fmt::print(
        "{} histories of {} scenarios, {} steps, {} DMAs in {:.1f} s ({:.0f} histories/s): {} with a "
        "violation, "
        "{} skipped, {} inconclusive, {} disagreements\n",
        r.histories, r.scenarios, r.steps, r.dmas, seconds, static_cast<double>(r.histories) / seconds,
        violating, r.skipped, r.inconclusive, r.disagreements);
}

// DIR/RIG-SEED.trace, one a history.
decltype(FuzzOptions::on_trace) keep_traces(const std::string& directory) {
    std::filesystem::create_directories(directory);
    return [directory](const RigFile& rig, std::uint64_t seed, const Trace& trace) {
        const auto name = fmt::format("{}-{}.trace", rig.name, seed);
        write_file(std::filesystem::path(directory) / name, trace.print());
    };
}

ExitStatus run_fuzz(FuzzArguments& a) {
    a.options.time = std::chrono::milliseconds(a.milliseconds);
    if (a.options.count == 0 && a.options.time.count() == 0) a.options.time = std::chrono::minutes(1);
    a.options.generate.lanes = !a.no_lanes;
    a.options.shrink = !a.no_shrink;
    a.options.boot.log = log_to_stderr(a.quiet);
    a.options.check.known = load_known();
    if (!a.traces.empty()) a.options.on_trace = keep_traces(a.traces);
    const auto report = fuzz(a.options);
    tell(a, report);
    return report.exit_status();
}

ExitStatus run_shrink(ShrinkArguments& a) {
    a.boot.log = log_to_stderr(a.quiet);
    a.shrink.seed = a.boot.seed;
    a.check.known = load_known();
    const auto player = make_player(a.rig, a.boot, a.check);
    const auto small = shrink_on(*player, Scenario::read(a.scenario), a.shrink);
    show(small, a.check);
    if (!a.output.empty()) write_file(a.output, small.scenario.print());
    fmt::print("again: {}\n", again(a.output.empty() ? "FILE" : a.output, a.rig, a.boot, small.seed));
    return ExitStatus::pass;
}

std::vector<std::string> rule_ids() {
    std::vector<std::string> out;
    for (const auto& rule : rules()) out.push_back(rule.id);
    return out;
}

void add_rig_options(CLI::App& command, RigOptions& boot, bool& quiet) {
    command.add_option("--fault", boot.faults, "of a simulated rig: what it gets wrong (landfall faults)");
    add_boot_options(command, boot);
    command.add_flag("-q,--quiet", quiet, "no progress on stderr");
}

}  // namespace

void add_fuzz(CLI::App& app, ExitStatus& status) {
    auto* command =
        app.add_subcommand("fuzz", "run random scenarios on one rig or several until one is wrong");
    const auto arguments = std::make_shared<FuzzArguments>();
    auto& a = *arguments;
    auto& o = a.options;
    command->add_option("--rig", o.rigs, "where each scenario runs; several are also compared")
        ->capture_default_str();
    const std::map<std::string, std::uint64_t> units{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
    command->add_option("--time", a.milliseconds, "how long: 500ms, 10s, 5m, 1h [1m unless --count]")
        ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED, "TIME"));
    command->add_option("--count", o.count, "how many scenarios, at most");
    command->add_option("--seed", o.seed, "of the first scenario")->capture_default_str();
    command->add_option("--steps", o.generate.most_steps, "in a scenario, about")->capture_default_str();
    command->add_option("--model", o.check.model, "what the rig is judged by [what its traces say it is]");
    command->add_option("-o,--output", a.output, "directory for what is found");
    command->add_option("--traces", a.traces, "directory for the trace of every history, to be judged again");
    command->add_flag("--no-lanes", a.no_lanes, "no steps side by side");
    command->add_flag("--keep-going", o.keep_going, "count violations, do not stop at the first");
    command->add_option("--rule", o.rule, "look for violations of this rule only")->check(CLI::IsMember(rule_ids()));
    command->add_flag("--no-shrink", a.no_shrink, "leave the first violation's scenario as it is");
    add_rig_options(*command, o.boot, a.quiet);
    command->callback([arguments, &status] { status = run_fuzz(*arguments); });
}

void add_shrink(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("shrink", "leave of a failing scenario what it takes to fail");
    const auto arguments = std::make_shared<ShrinkArguments>();
    auto& a = *arguments;
    command->add_option("scenario", a.scenario, "a scenario or trace that fails; - is stdin")->required();
    command->add_option("--rig", a.rig, "the rig it fails on")->capture_default_str();
    command->add_option("--seed", a.boot.seed, "of a simulated rig: the history it fails in")
        ->capture_default_str();
    command->add_option("--rule", a.shrink.rule, "the violation to keep [the first]");
    command->add_option("--model", a.check.model, "what the rig is judged by [what its traces say it is]");
    command
        ->add_option("--confidence", a.shrink.confidence, "of each decision, where failing is left to chance")
        ->check(CLI::Range(0.5, 0.999999))
        ->capture_default_str();
    command->add_option("-o,--output", a.output, "write the scenario to this file");
    add_rig_options(*command, a.boot, a.quiet);
    command->callback([arguments, &status] { status = run_shrink(*arguments); });
}

}  // namespace landfall
