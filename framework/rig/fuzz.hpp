// Random scenarios on one rig or several, until one is found to be wrong.
#pragma once

#include <chrono>
#include <functional>
#include <map>

#include "landfall/generate.hpp"
#include "rig/player.hpp"

namespace landfall {

struct FuzzOptions {
    std::vector<std::string> rigs{"sim"};  ///< each scenario runs on every one
    RigOptions boot;
    CheckOptions check;
    GenerateOptions generate;        ///< its groups and features are the rigs' own
    std::uint64_t seed = 1;          ///< of the first scenario; the next one's is one more
    std::uint64_t count = 0;         ///< scenarios at most; 0: no limit
    std::chrono::milliseconds time;  ///< at most; 0: no limit
    bool keep_going = false;         ///< count violations instead of stopping at the first
    bool shrink = true;              ///< make the first one small
    std::string rule;                ///< look for violations of this one only; empty: of any
    /// Takes the trace of every history, right or wrong; may be empty.
    std::function<void(const RigFile& rig, std::uint64_t seed, const Trace& trace)> on_trace;
};

/// A step that came out differently on two rigs, each time as the checker allows.
struct Disagreement {
    std::uint64_t seed = 0;
    std::array<std::string, 2> rigs;
    std::array<Line, 2> lines;
};

struct Finding {
    std::string rig;
    std::uint64_t seed = 0;     ///< of the scenario as it was generated
    std::uint64_t history = 0;  ///< the how manyth it was
    Scenario scenario;          ///< as it was generated
    ShrinkResult small;         ///< the same scenario and the trace that failed, where nothing was to be made small
};

struct FuzzReport {
    std::uint64_t scenarios = 0, histories = 0;                      ///< a history is a scenario on a rig
    std::uint64_t steps = 0, dmas = 0;                               ///< judged
    std::uint64_t skipped = 0, inconclusive = 0, disagreements = 0;  ///< histories; steps
    struct Tally {
        std::uint64_t histories = 0;
        std::uint64_t seed = 0;  ///< of the first
    };
    std::map<std::string, Tally> reasons;  ///< of what was skipped or inconclusive
    std::map<std::string, Tally> by_rule;  ///< histories by the rule they violated first
    std::vector<Finding> findings;  ///< the first made small; at most kMostFindings
    static constexpr std::size_t kMostFindings = 20;
    std::optional<Disagreement> disagreement;      ///< the first
    std::chrono::duration<double> took{};
    /// violation; inconclusive if anything was, or rigs disagreed; unmet if nothing ran; else pass.
    [[nodiscard]] ExitStatus exit_status() const;
};

/// Throws TextError for options that name what there is not, LabError if a rig fails.
[[nodiscard]] FuzzReport fuzz(const FuzzOptions& options);

/// The rig's functions group by group: those its file puts together, and the others each for itself.
[[nodiscard]] std::vector<std::vector<std::string>> groups_of(const RigFile& rig);
/// The rig knows where a DMA landed whatever is copied on meanwhile.
[[nodiscard]] bool knows_copies(const RigFile& rig);

/// The scenario that `fuzz` runs for this seed; a simulated rig plays it with the same seed.
[[nodiscard]] Scenario fuzz_scenario(std::uint64_t seed, const GenerateOptions& options);

/// The first step whose outcome two runs of one scenario must share and do not. Not compared: what may
/// rightly differ (IOVAs the kernel chose, ranges, resets, DMA in the background, torn DMAs), and nothing
/// from the first block of lanes or the first such choice on. Returns its index among the steps.
[[nodiscard]] std::optional<std::size_t> first_difference(const std::vector<Line>& a,
                                                          const std::vector<Line>& b);

}  // namespace landfall
