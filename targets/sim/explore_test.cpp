#include "sim/explore.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "source_dir.hpp"

namespace landfall::sim {
namespace {

const std::filesystem::path kScenarios = std::filesystem::path(LANDFALL_SOURCE_DIR) / "fixtures/scenarios";

// What a checker can tell of a history: answers and landings, and which step was over before which began.
std::string seen_of(const History& history) {
    std::multiset<std::string> out;
    const auto told = [](const Line& line) { return print(*line.step()) + " => " + print(*line.observed); };
    for (const auto& line : history.lines) {
        if (line.step() == nullptr || !line.observed) continue;
        out.insert(told(line));
        for (const auto& other : history.lines)
            if (other.step() != nullptr && other.observed && other.when->end < line.when->begin)
                out.insert(told(other) + " < " + told(line));
    }
    std::string all;
    for (const auto& s : out) all += s + '\n';
    return all;
}

std::set<std::string> seen(const Scenario& scenario, ExploreOptions options) {
    std::set<std::string> out;
    const auto explored = explore(scenario, options, [&](const History& h) {
        out.insert(seen_of(h));
        return true;
    });
    EXPECT_TRUE(!options.exhaustive || explored.complete);
    return out;
}

// Nothing happens by chance that the exhaustive search says cannot.
TEST(Explore, TheExhaustiveSearchMissesNothingThatChanceFinds) {
    for (const auto* name : {"lanes-map-and-hwpt", "lanes-unmap-and-map"}) {
        SCOPED_TRACE(name);
        const auto scenario = Scenario::read(kScenarios / (std::string(name) + ".scn"));
        const auto all = seen(scenario, {default_config(), 100'000, 1, true});
        const auto some = seen(scenario, {default_config(), 1'000, 1, false});
        for (const auto& s : some) EXPECT_TRUE(all.contains(s)) << s;
        EXPECT_GE(some.size(), 2U);
    }
}

}  // namespace
}  // namespace landfall::sim
