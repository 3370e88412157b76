// A scenario played once on a simulated machine, as text.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "landfall/scenario.hpp"
#include "sim/play.hpp"
#include "sim/random_decider.hpp"

namespace landfall::sim {

inline Config with_fault(Fault fault, Config config = default_config()) {
    config.faults.add(fault);
    return config;
}

/// a and b behind a PCIe-to-PCI bridge.
inline Config bridge_config() {
    auto config = default_config();
    for (auto& f : config.functions)
        if (f.group == 2) f.alias = Bdf{0, 2, 0, 0};
    return config;
}

/// The lines of the trace: head, steps, events, end.
inline std::vector<Line> played(const std::string& text, const Config& config = default_config(),
                                std::uint64_t seed = 1) {
    std::vector<Line> out;
    RandomDecider decider(seed);
    Play play(config, decider, [&](const Line& line) { out.push_back(line); });
    auto head = play.head();
    out.insert(out.begin(), head.begin(), head.end());
    play.run(Scenario::parse(text));
    return out;
}

/// What came of the steps, in the order they ended.
inline std::vector<std::string> outcomes_of(const std::vector<Line>& lines) {
    std::vector<std::string> out;
    for (const auto& line : lines)
        if (line.step() != nullptr) out.push_back(print(*line.observed));
    return out;
}

/// What came of the last step.
inline std::string last(const std::string& text, const Config& config = default_config(),
                        std::uint64_t seed = 1) {
    return outcomes_of(played(text, config, seed)).back();
}

/// A step behind others, and what it is to answer.
struct Call {
    const char* before;
    const char* step;
    const char* outcome;
};

/// In three histories. `objects` are made first.
inline void expect_answer(const std::string& objects, const Call& call) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed)
        EXPECT_EQ(last(objects + call.before + call.step + "\n", default_config(), seed), call.outcome)
            << call.before << call.step;
}

}  // namespace landfall::sim
