// Every interleaving of a scenario, or many: the same steps under decider after decider.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "landfall/scenario.hpp"
#include "sim/play.hpp"

namespace landfall::sim {

/// One interleaving, written down: "0*12 d1*3 0" are twelve micro-steps of lane 0, three of device 1's DMA,
/// ...
[[nodiscard]] std::string schedule_str(std::span<const ActorId> schedule);
/// Throws TextError for what schedule_str() does not write.
[[nodiscard]] std::vector<ActorId> parse_schedule(const std::string& text);

struct ExploreOptions {
    Config config;
    std::uint64_t schedules = 1000;  ///< random: how many; exhaustive: at most
    std::uint64_t seed = 1;          ///< random: of the first
    bool exhaustive = false;
};

struct Explored {
    std::uint64_t schedules = 0;  ///< that ran to their end
    std::uint64_t distinct = 0;  ///< that differ in more than the order of steps that do not touch each other
    std::uint64_t cut = 0;       ///< exhaustive: begun and given up, for another covers them
    std::uint64_t micro_steps = 0;
    bool complete = false;  ///< exhaustive: there are no others
};

/// What became of one interleaving: its trace, line by line, and how to have it again.
struct History {
    std::vector<Line> lines;
    std::vector<ActorId> schedule;  ///< exhaustive
    std::uint64_t seed = 0;         ///< random
};

/// Plays the scenario in one interleaving after the other; `see` is shown each and says whether to go on.
/// Exhaustive: dynamic partial-order reduction (Flanagan, Godefroid: POPL 2005) with sleep sets (Godefroid:
/// LNCS 1032), a pump's DMAs limited to Config::burst altogether.
[[nodiscard]] Explored explore(const Scenario& scenario, const ExploreOptions& options,
                               const std::function<bool(const History&)>& see);

/// Plays the scenario in this interleaving; where it ends, lowest actor first.
[[nodiscard]] History replay(const Scenario& scenario, const Config& config,
                             const std::vector<ActorId>& schedule);

}  // namespace landfall::sim
