// A rig under fire for as long as one likes. It goes in rounds: each is a trace of its own, judged while it grows, and
// kept only if there is something in it to be seen, so that memory and disk do not grow with the time.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "landfall/soak_script.hpp"
#include "rig/rig_keeper.hpp"
#include "rig/scenario_run.hpp"

namespace landfall {

struct SoakOptions {
    CheckOptions check;
    std::uint64_t seed = 1;             ///< of the first round; the next one's is one more
    std::chrono::milliseconds time{};   ///< in all
    std::chrono::milliseconds round{};  ///< of one trace, about
    std::uint64_t steps = 0;            ///< control steps of a round, at most; 0: as many as fit
    bool keep_going = false;            ///< count violations, do not stop at the first round that has one
    /// Takes every round that is over; may be empty.
    std::function<void(std::uint64_t seed, const RunResult& round)> on_round;
};

struct SoakReport {
    std::uint64_t rounds = 0, steps = 0, dmas = 0, faults = 0;  ///< judged
    std::uint64_t reached = 0;       ///< DMAs of which something landed, or was read
    std::uint64_t violating = 0, inconclusive = 0, lost = 0;    ///< rounds; a rig is lost with its round
    bool unmet = false;              ///< the rig cannot do what a soak needs; `reason` says what
    std::map<std::string, std::uint64_t> by_rule;               ///< violations that are not known
    std::map<std::string, std::uint64_t> known;                 ///< rounds that met a finding already understood, by its reference
    std::string reason;                                         ///< of the first round that proved nothing
    std::chrono::duration<double> took{};
    [[nodiscard]] ExitStatus exit_status() const;
};

/// Throws LabError if the rig does not start.
[[nodiscard]] SoakReport soak(RigKeeper& rig, const SoakOptions& options);

}  // namespace landfall
