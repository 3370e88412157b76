#include "rig/player.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "rig/rig_keeper.hpp"
#include "rig/scenario_run.hpp"
#include "rig/sim_rig.hpp"
#include "sim/random_decider.hpp"

namespace landfall {
namespace {

std::vector<std::string> features_in(const std::vector<Line>& head) {
    std::vector<std::string> out;
    for (const auto& line : head)
        if (line.fact() != nullptr)
            if (const auto* text = std::get_if<TextFact>(line.fact());
                text != nullptr && text->key == "feature")
                out.push_back(text->value);
    return out;
}

class SimPlayer final : public Player {
  public:
    SimPlayer(RigFile file, const RigOptions& boot, CheckOptions check)
        : file_(std::move(file)), config_(sim_config(file_, boot.faults)), check_(std::move(check)) {}

    [[nodiscard]] const RigFile& file() const override { return file_; }
    [[nodiscard]] bool deterministic() const override { return true; }
    [[nodiscard]] std::vector<std::string> features() override {
        sim::RandomDecider decider(0);
        return features_in(sim::Play(config_, decider, {}).head());
    }

    [[nodiscard]] Verdict play(const Scenario& scenario, std::uint64_t seed, const OnLine& on_line) override {
        Checker checker(check_);
        unsigned number = 0;
        const auto take = [&](Line line) {
            line.number = ++number;
            checker.feed(line);
            if (on_line) on_line(line);
        };
        take(rig_line(file_));
        sim::RandomDecider decider(seed);
        sim::Play play(config_, decider, take);
        for (auto& line : play.head()) take(std::move(line));
        play.run(scenario);
        return checker.finish();
    }

  private:
    RigFile file_;
    sim::Config config_;
    CheckOptions check_;
};

class RigPlayer final : public Player {
  public:
    RigPlayer(RigFile file, const RigOptions& boot, CheckOptions check) : rig_(std::move(file), boot) {
        options_.check = std::move(check);
    }

    [[nodiscard]] const RigFile& file() const override { return rig_.file(); }
    [[nodiscard]] bool deterministic() const override { return false; }
    [[nodiscard]] std::vector<std::string> features() override {
        return features_in(rig_.get().session({})->head());
    }

    [[nodiscard]] Verdict play(const Scenario& scenario, std::uint64_t /*seed*/,
                               const OnLine& on_line) override {
        options_.on_line = on_line;
        return rig_.run(scenario, options_).verdict;
    }

  private:
    RigKeeper rig_;
    RunOptions options_;
};

constexpr std::uint64_t kSchedules = 32;  // of a simulated rig, before a scenario is taken not to fail
constexpr std::uint64_t kFailures = 10;   // seen, before the rate of an unreliable failure is believed
constexpr std::uint64_t kMostRuns = 200;

// Whether a history of the scenario fails as it should; keeps the latest that did.
class Attempt {
  public:
    Attempt(Player& player, const ShrinkOptions& options)
        : player_(player), rule_(options.rule), seed_(options.seed) {}

    bool once(const Scenario& scenario, std::uint64_t seed) {
        ++runs_;
        Trace trace{scenario.file, {}, false};
        const auto verdict =
            player_.play(scenario, seed, [&](const Line& line) { trace.lines.push_back(line); });
        const auto* found = first_violation(verdict, rule_);
        if (found == nullptr) return false;
        rule_ = found->rule;
        failed_ = {scenario, *found, seed, std::move(trace), 0, 0, {}, {}};
        return true;
    }
    bool on_any_seed(const Scenario& scenario) {
        for (std::uint64_t i = 0; i < kSchedules; ++i)
            if (once(scenario, seed_ + i)) return true;
        return false;
    }
    bool as_it_comes(const Scenario& scenario) { return once(scenario, seed_); }
    [[nodiscard]] std::uint64_t runs() const { return runs_; }
    [[nodiscard]] ShrinkResult& failed() { return failed_; }

  private:
    Player& player_;
    std::string rule_;
    std::uint64_t seed_, runs_ = 0;
    ShrinkResult failed_;
};

[[noreturn]] void never_failed(const std::string& rig, const ShrinkOptions& options, std::uint64_t runs) {
    throw LabError(fmt::format("the scenario does not violate {} on {}: {} runs",
                               options.rule.empty() ? "any rule" : "the rule " + options.rule, rig, runs),
                   "the --seed, --fault and --rule it failed with");
}

ShrinkResult shrink_by_chance(Player& player, Attempt& attempt, const Scenario& scenario,
                              const ShrinkOptions& options) {
    const auto run_of = [&](const Scenario& s) { return [&attempt, &s] { return attempt.as_it_comes(s); }; };
    const auto before = measure(run_of(scenario), kFailures, kMostRuns);
    if (before.failures == 0) never_failed(player.file().name, options, before.runs);
    const auto rate = static_cast<double>(before.failures) / static_cast<double>(before.runs);
    const Fails once = [&](const Scenario& s) { return attempt.as_it_comes(s); };
    Repeatedly repeatedly(once, rate, 1 - options.confidence);
    auto small = shrink(scenario, before.always() ? once : Fails(std::ref(repeatedly)));
    const auto after = measure(run_of(small.scenario), kFailures, kMostRuns);
    auto result = std::move(attempt.failed());
    result.scenario = std::move(small.scenario);
    result.tried = small.tried;
    result.before = before;
    result.after = after;
    return result;
}

}  // namespace

std::unique_ptr<Player> make_player(const std::string& rig, const RigOptions& boot, CheckOptions check) {
    auto file = load_rig(rig);
    static_cast<void>(make_model(check.model));  // refuses a name there is not
    if (file.kind == RigFile::Kind::sim)
        return std::make_unique<SimPlayer>(std::move(file), boot, std::move(check));
    return std::make_unique<RigPlayer>(std::move(file), boot, std::move(check));
}

const Violation* first_violation(const Verdict& verdict, const std::string& rule) {
    for (const auto& v : verdict.violations)
        if (v.known.empty() && (rule.empty() || v.rule == rule)) return &v;
    return nullptr;
}

ShrinkResult shrink_on(Player& player, const Scenario& scenario, const ShrinkOptions& options) {
    Attempt attempt(player, options);
    if (!player.deterministic()) {
        auto result = shrink_by_chance(player, attempt, scenario, options);
        result.runs = attempt.runs();
        return result;
    }
    if (!attempt.on_any_seed(scenario)) never_failed(player.file().name, options, attempt.runs());
    const auto small = shrink(scenario, [&](const Scenario& s) { return attempt.on_any_seed(s); });
    auto result = std::move(attempt.failed());
    result.tried = small.tried;
    result.runs = attempt.runs();
    return result;
}

}  // namespace landfall
