// What it costs to simulate and to judge: `landfall fuzz` and `landfall explore` without their output.
#include <benchmark/benchmark.h>

#include <stdexcept>

#include "landfall/in_flight.hpp"
#include "rig/fuzz.hpp"
#include "rig/sim_rig.hpp"
#include "sim/explore.hpp"
#include "source_dir.hpp"

namespace landfall {
namespace {

void fuzz_sim(benchmark::State& state) {
    FuzzOptions options;
    options.count = 500;
    std::uint64_t dmas = 0;
    for (auto _ : state) {
        const auto report = fuzz(options);
        if (!report.findings.empty()) throw std::logic_error("a violation");
        options.seed += options.count;
        dmas += report.dmas;
    }
    const auto rate = benchmark::Counter::kIsRate;
    state.counters["histories/s"] =
        benchmark::Counter(static_cast<double>(state.iterations() * options.count), rate);
    state.counters["DMAs/s"] = benchmark::Counter(static_cast<double>(dmas), rate);
}
BENCHMARK(fuzz_sim)->Unit(benchmark::kMillisecond);

void explore_and_judge_group_replace(benchmark::State& state) {
    const auto scenario =
        in_flight(Scenario::read(LANDFALL_SOURCE_DIR "/fixtures/scenarios/group-replace.scn"));
    const sim::ExploreOptions options{sim_config(load_rig("sim"), {}), ~std::uint64_t{0}, 1, true};
    std::uint64_t schedules = 0;
    for (auto _ : state) {
        const auto all = sim::explore(scenario, options, [](const sim::History& history) {
            Checker checker;
            for (const auto& line : history.lines) checker.feed(line);
            return checker.finish().kind == Verdict::Kind::pass;
        });
        if (!all.complete) throw std::logic_error("not all interleavings passed");
        schedules += all.schedules;
    }
    state.counters["schedules"] =
        benchmark::Counter(static_cast<double>(schedules), benchmark::Counter::kAvgIterations);
    state.counters["schedules/s"] =
        benchmark::Counter(static_cast<double>(schedules), benchmark::Counter::kIsRate);
}
BENCHMARK(explore_and_judge_group_replace)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace landfall
