// Makes a scenario that fails small, by trying what it can do without. Knows nothing of rigs: whether a
// scenario still fails is asked of the caller.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "landfall/scenario.hpp"

namespace landfall {

/// True if the scenario fails in the way that is looked for.
using Fails = std::function<bool(const Scenario&)>;

struct Shrunk {
    Scenario scenario;
    std::uint64_t tried = 0;  ///< scenarios `fails` was asked about
};

/// Delta debugging (Zeller, Hildebrandt: TSE 2002) over the steps, then over their arguments: fewer pages,
/// shorter DMAs, no lanes, a DMA in the foreground for a pump. Every scenario tried is valid: with a step go
/// those that need it. The result fails, and no longer does with any one step left out or any one argument
/// made simpler. Names stay.
[[nodiscard]] Shrunk shrink(const Scenario& scenario, const Fails& fails);

/// What is left of the lines when those go that the Validator refuses, for what they name is not there.
[[nodiscard]] std::vector<Line> valid_lines(std::vector<Line> lines);

/// Wald's sequential probability ratio test: does something happen with a probability of at least `often`, or
/// of at most `seldom`? It asks for no more runs than the answer needs, and is wrong either way with a
/// probability of at most `error`. In between either answer is right.
class SequentialTest {
  public:
    /// 0 < seldom < often < 1, 0 < error < 1/2
    SequentialTest(double seldom, double often, double error);
    void add(bool happened);
    /// true: often; false: seldom; nullopt: run it once more.
    [[nodiscard]] std::optional<bool> decision() const;

  private:
    double hit_, miss_, bound_, evidence_ = 0;
};

/// How often something that is left to chance fails.
struct Rate {
    std::uint64_t runs = 0, failures = 0;
    [[nodiscard]] bool always() const { return failures == runs; }
    /// The probability that is not undercut, with this confidence (Clopper, Pearson: Biometrika 1934).
    [[nodiscard]] double at_least(double confidence) const;
};

/// Runs until `failures` of them failed, `most` at most.
[[nodiscard]] Rate measure(const std::function<bool()>& run, std::uint64_t failures, std::uint64_t most);

/// `once` as a predicate for shrink() although it is left to chance: every scenario runs until the test has
/// decided whether it fails about as often as the one to begin with (half its rate) or next to never (a
/// tenth).
class Repeatedly {
  public:
    Repeatedly(Fails once, double rate, double error) : once_(std::move(once)), rate_(rate), error_(error) {}
    [[nodiscard]] bool operator()(const Scenario& scenario);
    [[nodiscard]] std::uint64_t runs() const { return runs_; }

  private:
    Fails once_;
    double rate_, error_;
    std::uint64_t runs_ = 0;
};

}  // namespace landfall
