// Scenario after scenario on one rig, each judged at once. A simulated rig is played without text or session
// in between, thousands of histories a second.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "landfall/checker.hpp"
#include "landfall/shrink.hpp"
#include "rig/rig.hpp"

namespace landfall {

class Player {
  public:
    using OnLine = std::function<void(const Line&)>;
    virtual ~Player() = default;
    [[nodiscard]] virtual const RigFile& file() const = 0;
    /// The optional features the rig has, by the names `require feature` knows.
    [[nodiscard]] virtual std::vector<std::string> features() = 0;
    /// One seed, one history.
    [[nodiscard]] virtual bool deterministic() const = 0;
    /// One history. `seed`: which, on a simulated rig. `on_line` takes the lines of its trace; it may be
    /// empty. Throws LabError if the rig cannot run it.
    [[nodiscard]] virtual Verdict play(const Scenario& scenario, std::uint64_t seed,
                                       const OnLine& on_line) = 0;
};

/// Throws TextError for an unknown rig, fault or model.
[[nodiscard]] std::unique_ptr<Player> make_player(const std::string& rig, const RigOptions& boot,
                                                  CheckOptions check);

/// The first violation of the rule (of any if empty) that is not known already.
[[nodiscard]] const Violation* first_violation(const Verdict& verdict, const std::string& rule = {});

struct ShrinkOptions {
    std::string rule;          ///< the violation to keep; empty: whatever the scenario violates first
    std::uint64_t seed = 1;    ///< of the history that failed
    double confidence = 0.99;  ///< that no decision is wrong, of each one, where failing is left to chance
};

struct ShrinkResult {
    Scenario scenario;
    Violation violation;     ///< of the scenario made small
    std::uint64_t seed = 1;  ///< of a history of it that fails
    Trace trace;             ///< of that history
    std::uint64_t tried = 0, runs = 0;
    std::optional<Rate> before, after;  ///< how often it fails, where that is left to chance
};

/// Makes a failing scenario small. On a simulated rig a scenario fails if one of its first few seeds does.
/// Throws LabError if it does not fail to begin with.
[[nodiscard]] ShrinkResult shrink_on(Player& player, const Scenario& scenario, const ShrinkOptions& options);

}  // namespace landfall
