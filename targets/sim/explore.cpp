#include "sim/explore.hpp"

#include <fmt/format.h>

#include <charconv>

#include "landfall/error.hpp"
#include "sim/orders.hpp"
#include "sim/random_decider.hpp"

namespace landfall::sim {
namespace {

constexpr std::uint8_t kFirstDma = ActorId::dma(0).value;

// Plays the scenario once; returns its micro-steps.
std::uint64_t play(const Scenario& scenario, const Config& config, Decider& decider, std::vector<Line>& out) {
    Play play(config, decider, [&](const Line& line) {
        out.push_back(line);
        out.back().number = static_cast<unsigned>(out.size());
    });
    for (auto& line : play.head()) {
        out.push_back(std::move(line));
        out.back().number = static_cast<unsigned>(out.size());
    }
    play.run(scenario);
    return play.micro_steps();
}

// Follows what was written down, then takes the lowest.
class Written final : public Decider {
  public:
    explicit Written(const std::vector<ActorId>& schedule) : schedule_(schedule) {}
    [[nodiscard]] ActorId choose(std::span<const ActorId> ready) override {
        if (next_ == schedule_.size()) return ready[0];
        const auto id = schedule_[next_++];
        if (std::ranges::find(ready, id) == ready.end())
            throw TextError({"--schedule", 0, 0}, schedule_str({&id, 1}),
                            fmt::format("an actor that can go on at micro-step {}", next_));
        return id;
    }
    [[nodiscard]] bool timeless() const override { return true; }

  private:
    const std::vector<ActorId>& schedule_;
    std::size_t next_ = 0;
};

Explored explore_all(const Scenario& scenario, ExploreOptions options,
                     const std::function<bool(const History&)>& see) {
    options.config.refill = false;
    Explored out;
    EveryOrder orders;
    do {
        History history;
        try {
            out.micro_steps += play(scenario, options.config, orders, history.lines);
        } catch (const Covered&) {
            ++out.cut;
            continue;
        }
        ++out.schedules;
        history.schedule = orders.schedule();
        if (!see(history) || out.schedules == options.schedules) {
            out.distinct = out.schedules;
            out.complete = !orders.next();
            return out;
        }
    } while (orders.next());
    out.distinct = out.schedules;
    out.complete = true;
    return out;
}

Explored explore_some(const Scenario& scenario, const ExploreOptions& options,
                      const std::function<bool(const History&)>& see) {
    Explored out;
    std::unordered_set<std::uint64_t> known;
    for (; out.schedules < options.schedules;) {
        History history;
        history.seed = options.seed + out.schedules;
        RandomDecider random(history.seed);
        Fingerprint fingerprint(random);
        out.micro_steps += play(scenario, options.config, fingerprint, history.lines);
        ++out.schedules;
        known.insert(fingerprint.value());
        if (!see(history)) break;
    }
    out.distinct = known.size();
    return out;
}

}  // namespace

std::string schedule_str(std::span<const ActorId> schedule) {
    std::string out;
    for (std::size_t i = 0; i < schedule.size();) {
        auto end = i;
        while (end < schedule.size() && schedule[end] == schedule[i]) ++end;
        const auto v = schedule[i].value;
        out += out.empty() ? "" : " ";
        out += v < kFirstDma ? fmt::format("{}", v) : fmt::format("d{}", v - kFirstDma);
        if (end - i > 1) out += fmt::format("*{}", end - i);
        i = end;
    }
    return out;
}

std::vector<ActorId> parse_schedule(const std::string& text) {
    constexpr std::size_t kLongest = 1U << 20;
    std::vector<ActorId> out;
    const auto* at = text.data();
    const auto* const end = at + text.size();
    const auto fail = [&] {
        throw TextError({"--schedule", 0, static_cast<unsigned>(at - text.data() + 1)}, text,
                        "actors such as 0*12 d1*3, as explore prints them");
    };
    const auto number = [&] {
        std::uint32_t v = 0;
        const auto r = std::from_chars(at, end, v);
        if (r.ec != std::errc()) fail();
        at = r.ptr;
        return v;
    };
    while (at != end) {
        const bool dma = *at == 'd';
        if (dma) ++at;
        const auto actor = number();
        if (actor > (dma ? kMaxFunctions - 1 : kMaxLane)) fail();
        std::uint32_t count = 1;
        if (at != end && *at == '*') {
            ++at;
            count = number();
        }
        if (count == 0 || out.size() + count > kLongest) fail();
        out.insert(out.end(), count, dma ? ActorId::dma(actor) : ActorId::lane(actor));
        if (at != end && *at++ != ' ') fail();
    }
    return out;
}

Explored explore(const Scenario& scenario, const ExploreOptions& options,
                 const std::function<bool(const History&)>& see) {
    return options.exhaustive ? explore_all(scenario, options, see) : explore_some(scenario, options, see);
}

History replay(const Scenario& scenario, const Config& config, const std::vector<ActorId>& schedule) {
    auto as_explored = config;
    as_explored.refill = false;
    History out;
    out.schedule = schedule;
    Written written(schedule);
    static_cast<void>(play(scenario, as_explored, written, out.lines));
    return out;
}

}  // namespace landfall::sim
