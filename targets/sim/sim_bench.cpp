// What the simulated machine costs. Nothing is judged here: `landfall explore` and `landfall fuzz` do that.
#include <benchmark/benchmark.h>

#include <stdexcept>

#include "landfall/generate.hpp"
#include "landfall/in_flight.hpp"
#include "sim/explore.hpp"
#include "sim/random_decider.hpp"
#include "source_dir.hpp"

namespace landfall::sim {
namespace {

// One history; returns its micro-steps.
std::uint64_t play_once(const Scenario& scenario, const Config& config, std::uint64_t seed) {
    RandomDecider decider(seed);
    Play play(config, decider, {});
    play.run(scenario);
    return play.micro_steps();
}

// Random scenarios, each in one history, as `landfall fuzz` plays them.
void play_histories(benchmark::State& state) {
    constexpr std::uint64_t kScenarios = 200;
    const auto config = default_config();
    std::vector<Scenario> scenarios;
    for (std::uint64_t seed = 0; seed < kScenarios; ++seed) {
        Random random(seed);
        scenarios.push_back(generate(random));
    }
    std::uint64_t micro_steps = 0, seed = 0;
    for (auto _ : state)
        for (const auto& scenario : scenarios) micro_steps += play_once(scenario, config, ++seed);
    state.counters["micro-steps/s"] =
        benchmark::Counter(static_cast<double>(micro_steps), benchmark::Counter::kIsRate);
    state.counters["histories/s"] =
        benchmark::Counter(static_cast<double>(state.iterations() * kScenarios), benchmark::Counter::kIsRate);
}
BENCHMARK(play_histories)->Unit(benchmark::kMillisecond);

// Every interleaving of the scenario of the thread with its DMA in flight.
void explore_group_replace(benchmark::State& state) {
    const auto scenario =
        in_flight(Scenario::read(LANDFALL_SOURCE_DIR "/fixtures/scenarios/group-replace.scn"));
    ExploreOptions options{default_config(), ~std::uint64_t{0}, 1, true};
    Explored all;
    std::uint64_t schedules = 0;
    for (auto _ : state) {
        all = explore(scenario, options, [](const History&) { return true; });
        if (!all.complete) throw std::logic_error("not all interleavings were played");
        schedules += all.schedules;
    }
    state.counters["schedules"] = benchmark::Counter(static_cast<double>(all.schedules));
    state.counters["cut"] = benchmark::Counter(static_cast<double>(all.cut));
    state.counters["micro-steps"] = benchmark::Counter(static_cast<double>(all.micro_steps));
    state.counters["schedules/s"] =
        benchmark::Counter(static_cast<double>(schedules), benchmark::Counter::kIsRate);
}
BENCHMARK(explore_group_replace)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace landfall::sim
