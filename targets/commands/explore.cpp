// `landfall explore SCENARIO`: the same steps in one interleaving after the other, each judged.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <tuple>

#include "commands/commands.hpp"
#include "landfall/in_flight.hpp"
#include "landfall/model.hpp"
#include "landfall/report.hpp"
#include "landfall/shrink.hpp"
#include "landfall/witness.hpp"
#include "rig/known_file.hpp"
#include "rig/player.hpp"
#include "rig/sim_rig.hpp"
#include "sim/explore.hpp"

namespace landfall {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
    std::string scenario, rig = "sim", output, schedule;
    std::vector<std::string> faults;
    CheckOptions check;
    sim::ExploreOptions explore;
    bool in_flight = false, keep_going = false, shrink = false;
};

// Interleavings of a smaller scenario that are tried before it is taken not to fail.
constexpr std::uint64_t kShrinkSchedules = 256;

Trace trace_of(const Scenario& scenario, const sim::History& history) {
    return {scenario.file, history.lines, false};
}

Verdict judge(const CheckOptions& options, const sim::History& history) {
    Checker checker(options);
    for (const auto& line : history.lines) checker.feed(line);
    return checker.finish();
}

// How to have this history again. A trace that was written has its DMA in flight already.
std::string again(const Arguments& a, const sim::History& history) {
    const bool written = a.shrink && !a.output.empty();
    auto out = fmt::format("landfall explore {} --rig {}", written ? a.output : a.scenario, a.rig);
    for (const auto& f : a.faults) out += " --fault " + f;
    if (a.in_flight && !written) out += " --in-flight";
    if (!a.check.model.empty()) out += " --model " + a.check.model;
    if (history.schedule.empty()) return out + fmt::format(" --schedules 1 --seed {}", history.seed);
    return out + fmt::format(" --burst {} --schedule '{}'", a.explore.config.burst,
                             sim::schedule_str(history.schedule));
}

void show(const Arguments& a, const Scenario& scenario, const sim::History& history, const Verdict& verdict) {
    const auto trace = trace_of(scenario, history);
    for (const auto& v : verdict.violations) fmt::print("{}\n", explain(trace, proven(trace, v, a.check)));
    if (!verdict.reason.empty()) fmt::print("{}: {}\n", verdict_str(verdict.kind), verdict.reason);
    if (!a.output.empty()) {
        std::ofstream out(a.output, std::ios::binary);
        out << trace.print();
        if (!out.flush()) throw LabError("cannot write " + a.output);
    }
    fmt::print("again: {}\n", again(a, history));
}

// Leaves of the scenario what it takes for an interleaving to violate the rule, and shows that one.
void show_small(const Arguments& a, const Scenario& scenario, const sim::History& first, const std::string& rule) {
    auto options = a.explore;
    options.schedules = std::min(options.schedules, kShrinkSchedules);
    options.seed = first.seed;
    sim::History failed;
    Verdict verdict;
    const auto fails = [&](const Scenario& s) {
        bool found = false;
        static_cast<void>(sim::explore(s, options, [&](const sim::History& history) {
            auto judged = judge(a.check, history);
            found = first_violation(judged, rule) != nullptr;
            if (found) std::tie(failed, verdict) = std::pair(history, std::move(judged));
            return !found;
        }));
        return found;
    };
    const auto small = shrink(scenario, fails);
    fmt::print("shrunk in {} tries to {} steps:\n\n{}\n", small.tried, verdict.steps, small.scenario.print());
    show(a, small.scenario, failed, verdict);
}

// What stops the search: a violation, or a history that proves nothing.
class Judge {
  public:
    Judge(const Arguments& a, const Scenario& scenario) : a_(a), scenario_(scenario) {}
    bool operator()(const sim::History& history) {
        const auto verdict = judge(a_.check, history);
        const auto status = verdict.exit_status();
        if (status == ExitStatus::pass) return true;
        if (found_++ == 0) {
            status_ = status;
            const auto* violation = first_violation(verdict);
            if (a_.shrink && violation != nullptr)
                show_small(a_, scenario_, history, violation->rule);
            else
                show(a_, scenario_, history, verdict);
        }
        return a_.keep_going && status == ExitStatus::violation;
    }
    [[nodiscard]] ExitStatus status() const { return status_; }
    [[nodiscard]] std::uint64_t found() const { return found_; }

  private:
    const Arguments& a_;
    const Scenario& scenario_;
    ExitStatus status_ = ExitStatus::pass;
    std::uint64_t found_ = 0;
};

void tell(const Arguments& a, const sim::Explored& e, const Judge& judge, double seconds) {
    std::string how = fmt::format("{} distinct", e.distinct);
    if (a.explore.exhaustive)
        how = fmt::format("{}, {} more cut short as covered",
                          e.complete ? "all there are" : "not all there are", e.cut);
    fmt::print("{} schedules ({}), {} micro-steps in {:.2f} s: {:.0f} schedules/s; {} with a violation\n",
               e.schedules, how, e.micro_steps, seconds,
               static_cast<double>(e.schedules) / std::max(seconds, 1e-9), judge.found());
    if (a.explore.exhaustive && e.complete && e.schedules == 1 && !a.in_flight)
        fmt::print(
            "nothing in this scenario runs beside anything else; --in-flight starts its DMA before the steps "
            "it "
            "follows\n");
}

ExitStatus explore(Arguments& a) {
    auto scenario = Scenario::read(a.scenario);
    if (a.in_flight) scenario = in_flight(scenario);
    const auto burst = a.explore.config.burst;
    a.explore.config = sim_config(load_rig(a.rig), a.faults);
    a.explore.config.burst = burst;
    a.check.known = load_known();
    Judge judge(a, scenario);
    if (!a.schedule.empty()) {
        const bool passed = judge(sim::replay(scenario, a.explore.config, sim::parse_schedule(a.schedule)));
        if (passed) fmt::print("pass\n");
        return judge.status();
    }
    const auto begin = Clock::now();
    const auto explored = sim::explore(scenario, a.explore, std::ref(judge));
    tell(a, explored, judge, std::chrono::duration<double>(Clock::now() - begin).count());
    return judge.status();
}

}  // namespace

void add_explore(CLI::App& app, ExitStatus& status) {
    auto* command =
        app.add_subcommand("explore", "run a scenario in many interleavings, or all, on a simulated rig");
    const auto arguments = std::make_shared<Arguments>();
    auto& a = *arguments;
    command->add_option("scenario", a.scenario, "scenario file; a trace is one, too; - is stdin")->required();
    command->add_option("--rig", a.rig, "a rig of kind sim")->capture_default_str();
    command->add_option("--fault", a.faults, "what the rig gets wrong on purpose (landfall faults)");
    command->add_option("--model", a.check.model, "what the kernel is taken to promise [what the trace says it is]")
        ->check(CLI::IsMember(model_names()));
    auto* some = command->add_option("--schedules", a.explore.schedules, "how many interleavings")
                     ->capture_default_str();
    command->add_option("--seed", a.explore.seed, "of the first interleaving")->capture_default_str();
    auto* all = command->add_flag("--exhaustive", a.explore.exhaustive,
                                  "every interleaving that may make a difference");
    command
        ->add_option("--burst", a.explore.config.burst,
                     "DMAs a pump does within one step, or with --exhaustive in all")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command->add_flag("--in-flight", a.in_flight, "start each DMA before the step of the IOMMU it follows");
    command->add_flag("--keep-going", a.keep_going, "count violations instead of stopping at the first");
    command->add_flag("--shrink", a.shrink, "leave of the scenario what it takes to see the first violation");
    command->add_option("--schedule", a.schedule, "replay this one interleaving")->excludes(some, all);
    command->add_option("-o,--output", a.output, "write the trace of the first violation to this file");
    command->callback([arguments, some, &status] {
        if (arguments->explore.exhaustive && some->count() == 0)
            arguments->explore.schedules = ~std::uint64_t{0};
        status = explore(*arguments);
    });
}

}  // namespace landfall
