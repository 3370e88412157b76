#include "rig/fuzz.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace landfall {
namespace {

using Clock = std::chrono::steady_clock;

bool torn(const std::vector<Segment>& segments) {
    return std::ranges::any_of(segments, [](const Segment& s) { return s.place.has_value(); }) &&
           std::ranges::any_of(segments, [](const Segment& s) { return !s.place.has_value(); });
}

bool torn(const Landing& l) { return torn(l.from) || torn(l.lands); }

bool chosen_by_the_kernel(const Step& step) {
    const auto* map = std::get_if<Map>(&step);
    const auto* copy = std::get_if<IoasCopy>(&step);
    return (map != nullptr && !map->iova) || (copy != nullptr && !copy->iova);
}

bool not_comparable(const Step& step) {
    const auto* control = std::get_if<DeviceControl>(&step);
    return std::holds_alternative<Ranges>(step) || std::holds_alternative<Halt>(step) ||
           std::holds_alternative<Wait>(step) ||
           (control != nullptr && control->verb == DeviceControl::Verb::reset);
}

bool alike(const Line& a, const Line& b) {
    const auto &x = *a.observed, &y = *b.observed;
    if (x.index() != y.index()) return false;
    if (const auto* one = std::get_if<Landing>(&x)) {
        const auto& other = std::get<Landing>(y);
        if (torn(*one) || torn(other)) return true;
        return one->from == other.from && one->lands == other.lands && one->also == other.also;
    }
    return x == y;
}

class Fuzzer {
  public:
    explicit Fuzzer(const FuzzOptions& options) : options_(options), generate_(options.generate) {
        for (const auto& rig : options.rigs)
            players_.push_back(make_player(rig, options.boot, options.check));
        fit_to_rigs();
    }

    FuzzReport run() {
        const auto begin = Clock::now();
        const auto over = [&] {
            return (options_.count != 0 && report_.scenarios >= options_.count) ||
                   (options_.time.count() != 0 && Clock::now() - begin >= options_.time) ||
                   (!report_.findings.empty() && !options_.keep_going);
        };
        while (!over()) {
            const auto seed = options_.seed + report_.scenarios++;
            scenario(seed, fuzz_scenario(seed, generate_));
        }
        report_.took = Clock::now() - begin;
        return std::move(report_);
    }

  private:
    void fit_to_rigs() {
        const auto& first = players_.front()->file();
        generate_.groups = groups_of(first);
        for (const auto& player : players_) {
            generate_.copies_beside = generate_.copies_beside && knows_copies(player->file());
            if (groups_of(player->file()) != generate_.groups)
                throw LabError(fmt::format("{} and {} do not group their functions alike", first.name,
                                           player->file().name),
                               "landfall fuzz, one rig at a time");
            const auto has = player->features();
            std::erase_if(generate_.features,
                          [&](const auto& f) { return std::ranges::find(has, f) == has.end(); });
            // Not something more, but less.
            if (const auto type1 = std::string(api_str(Api::type1)); std::ranges::find(has, type1) != has.end())
                generate_.features.push_back(type1);
        }
    }

    void scenario(std::uint64_t seed, const Scenario& scenario) {
        std::vector<Line> first;
        for (const auto& player : players_) {
            // What a simulated rig did can be had again; a real one's trace is all there is.
            const bool keep =
                players_.size() > 1 || !player->deterministic() || !options_.shrink || options_.on_trace;
            Trace trace{scenario.file, {}, false};
            const auto verdict =
                player->play(scenario, seed, keep ? [&](const Line& line) { trace.lines.push_back(line); } : Player::OnLine{});
            if (options_.on_trace) options_.on_trace(player->file(), seed, trace);
            count(seed, verdict);
            if (const auto* v = first_violation(verdict, options_.rule)) return found(*player, seed, scenario, *v, std::move(trace));
            if (players_.size() == 1) return;
            auto steps = steps_of(trace);
            if (player == players_.front())
                first = std::move(steps);
            else if (const auto i = first_difference(first, steps))
                disagree(*player, seed, first[*i], steps[*i]);
        }
    }

    static std::vector<Line> steps_of(const Trace& trace) {
        std::vector<Line> out;
        std::ranges::copy_if(trace.lines, std::back_inserter(out), [](const Line& l) { return l.step() != nullptr; });
        return out;
    }

    void count(std::uint64_t seed, const Verdict& verdict) {
        ++report_.histories;
        report_.steps += verdict.steps;
        report_.dmas += verdict.dmas;
        if (verdict.kind == Verdict::Kind::unmet) ++report_.skipped;
        if (verdict.kind == Verdict::Kind::inconclusive) ++report_.inconclusive;
        if (!verdict.reason.empty())
            ++report_.reasons.try_emplace(verdict.reason, FuzzReport::Tally{0, seed}).first->second.histories;
    }

    void found(Player& player, std::uint64_t seed, const Scenario& scenario, const Violation& violation, Trace trace) {
        ++report_.by_rule.try_emplace(violation.rule, FuzzReport::Tally{0, seed}).first->second.histories;
        if (report_.findings.size() == FuzzReport::kMostFindings) return;
        Finding finding{player.file().name, seed, report_.histories, scenario, {}};
        if (options_.shrink && report_.findings.empty())
            finding.small = shrink_on(player, scenario, {violation.rule, seed, 0.99});
        else
            finding.small = {scenario, violation, seed, std::move(trace), 0, 0, {}, {}};
        report_.findings.push_back(std::move(finding));
    }

    void disagree(const Player& other, std::uint64_t seed, const Line& a, const Line& b) {
        ++report_.disagreements;
        if (report_.disagreement) return;
        report_.disagreement = Disagreement{seed, {players_.front()->file().name, other.file().name}, {a, b}};
    }

    const FuzzOptions& options_;
    GenerateOptions generate_;
    std::vector<std::unique_ptr<Player>> players_;
    FuzzReport report_;
};

}  // namespace

ExitStatus FuzzReport::exit_status() const {
    if (!findings.empty()) return ExitStatus::violation;
    if (inconclusive + disagreements > 0) return ExitStatus::inconclusive;
    return skipped == histories ? ExitStatus::unmet : ExitStatus::pass;
}

bool knows_copies(const RigFile& rig) { return rig.kind == RigFile::Kind::sim; }

std::vector<std::vector<std::string>> groups_of(const RigFile& rig) {
    auto groups = rig.groups;
    for (const auto& f : rig.functions)
        if (std::ranges::none_of(groups,
                                 [&](const auto& g) { return std::ranges::find(g, f.name) != g.end(); }))
            groups.push_back({f.name});
    std::erase_if(groups, [](const auto& g) { return g.empty(); });
    return groups;
}

FuzzReport fuzz(const FuzzOptions& options) { return Fuzzer(options).run(); }

// Not the numbers that a simulated rig takes its decisions by.
Scenario fuzz_scenario(std::uint64_t seed, const GenerateOptions& options) {
    Random random(Random(seed).next());
    auto scenario = generate(random, options);
    scenario.file = fmt::format("<seed {}>", seed);
    return scenario;
}

std::optional<std::size_t> first_difference(const std::vector<Line>& a, const std::vector<Line>& b) {
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        if (a[i].lane != 0 || !a[i].observed || !b[i].observed) return std::nullopt;
        if (not_comparable(*a[i].step()) || alike(a[i], b[i])) continue;
        if (chosen_by_the_kernel(*a[i].step())) return std::nullopt;
        return i;
    }
    return std::nullopt;
}

}  // namespace landfall
