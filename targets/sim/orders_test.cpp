#include "sim/orders.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "sim/explore.hpp"
#include "sim/random_decider.hpp"

namespace landfall::sim {
namespace {

// Every interleaving, without any reduction.
class Naive final : public Decider {
  public:
    [[nodiscard]] ActorId choose(std::span<const ActorId> ready) override {
        if (depth_ == path_.size()) path_.push_back({0, ready.size()});
        return ready[path_[depth_++].taken];
    }
    [[nodiscard]] bool timeless() const override { return true; }
    bool next() {
        depth_ = 0;
        while (!path_.empty() && path_.back().taken + 1 == path_.back().of) path_.pop_back();
        if (path_.empty()) return false;
        ++path_.back().taken;
        return true;
    }

  private:
    struct Choice {
        std::size_t taken, of;
    };
    std::vector<Choice> path_;
    std::size_t depth_ = 0;
};

// Two or three actors that touch what `script` says, a letter a micro-step: lower case reads, upper case
// writes, '(' and ')' hold a lock, '[' and ']' share it.
Task<> actor(Scheduler& s, const char* script, Mutex& mutex) {
    Scheduler::Guard guard;
    for (const auto* c = script; *c != 0; ++c) {
        if (*c == '(') {
            guard = co_await s.lock(mutex);
        } else if (*c == '[') {
            guard = co_await s.share(mutex);
        } else {
            co_await s.step();
            if (*c == ')' || *c == ']')
                guard.unlock();
            else
                s.touch(*c >= 'a' ? Touch::Kind::read : Touch::Kind::write,
                        static_cast<std::uint64_t>(*c | 32));
        }
    }
}

std::uint64_t run(Decider& by, const std::vector<const char*>& scripts) {
    Fingerprint fingerprint(by);
    Mutex mutex(thing(Thing::lock, 1));
    Scheduler s(fingerprint);
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < scripts.size(); ++i) {
        s.spawn(ActorId::lane(static_cast<unsigned>(i)), actor(s, scripts[i], mutex));
        all |= 1U << i;
    }
    s.run_until_gone(all);
    return fingerprint.value();
}

// The reduction is told what every step touched by the fingerprint's own calls.
class Both final : public Decider {
  public:
    Both(EveryOrder& orders, Fingerprint& sum) : orders_(orders), sum_(sum) {}
    [[nodiscard]] ActorId choose(std::span<const ActorId> ready) override { return orders_.choose(ready); }
    void executed(ActorId a, std::span<const Touch> t) override {
        orders_.executed(a, t);
        sum_.executed(a, t);
    }
    [[nodiscard]] bool wants_touches() const override { return true; }
    [[nodiscard]] bool timeless() const override { return true; }

  private:
    EveryOrder& orders_;
    Fingerprint& sum_;
};

std::set<std::uint64_t> all_reduced(const std::vector<const char*>& scripts, std::size_t& runs) {
    std::set<std::uint64_t> out;
    EveryOrder orders;
    do {
        Fingerprint sum(orders);
        Both both(orders, sum);
        Mutex mutex(thing(Thing::lock, 1));
        Scheduler s(both);
        std::uint64_t all = 0;
        for (std::size_t i = 0; i < scripts.size(); ++i) {
            s.spawn(ActorId::lane(static_cast<unsigned>(i)), actor(s, scripts[i], mutex));
            all |= 1U << i;
        }
        try {
            s.run_until_gone(all);
        } catch (const Covered&) {
            continue;
        }
        ++runs;
        out.insert(sum.value());
    } while (orders.next());
    return out;
}

const std::vector<std::vector<const char*>> kPrograms{
    {"A", "A"},
    {"A", "B"},
    {"Ab", "aB"},
    {"Aa", "Aa", "a"},
    {"ABC", "cba"},
    {"AbA", "aBa"},
    {"(A)", "(A)"},
    {"(A)b", "B(a)"},
    {"(A)", "B(C)", "(bc)"},
    {"a", "a", "A"},
    {"ab", "AB", "aBA"},
    {"aAa", "bBb", "AB"},
    {"(AB)a", "(ab)A", "B"},
    {"(A)", "(A)", "(a)B", "b"}, {"AB", "BC", "CA"}, {"aB", "bC", "cA"}, {"(A)B", "b(a)", "(B)a"},
    {"[A]", "[A]"}, {"A[a]", "[A]"}, {"[Ab]", "[aB]"}, {"[a]", "(A)"}, {"[a]B", "(A)b"}, {"[a]", "[b]", "(C)"},
    {"[a]A", "[A]", "(a)"}, {"A[]", "[A]"}, {"A[b]", "[A]", "(B)"},
};

TEST(EveryOrder, FindsEveryInterleavingThatDiffersAndNoneTwice) {
    for (const auto& scripts : kPrograms) {
        SCOPED_TRACE(::testing::PrintToString(scripts));
        std::set<std::uint64_t> naive;
        std::size_t naive_runs = 0, runs = 0;
        Naive every;
        do {
            naive.insert(run(every, scripts));
            ++naive_runs;
        } while (every.next());
        const auto reduced = all_reduced(scripts, runs);
        EXPECT_EQ(reduced, naive);
        EXPECT_EQ(runs, naive.size());
        EXPECT_LE(runs, naive_runs);
    }
}

// The traces of a scenario, without times and in a form that does not tell independent orders apart.
std::set<std::string> outcomes(const Scenario& scenario, Config config, Decider& decider,
                               bool (*next)(Decider&)) {
    config.refill = false;
    std::set<std::string> out;
    do {
        std::multiset<std::string> lines;
        Play play(config, decider, [&](const Line& line) {
            auto plain = line;
            plain.when.reset();
            if (line.observed) lines.insert(print(*line.step()) + " => " + print(*line.observed));
        });
        try {
            for (const auto& line : scenario.lines)
                if (line.step() != nullptr) play.run({&line, 1});
        } catch (const Covered&) {
            continue;
        }
        std::string all;
        for (const auto& l : lines) all += l + '\n';
        out.insert(all);
    } while (next(decider));
    return out;
}

TEST(EveryOrder, MissesNoOutcomeOfAnUnmapUnderDma) {
    const auto scenario = Scenario::parse(
        "buffer p 4K\nioas one bare\nhwpt h one a\nmap one 0x70000000 p rw\nattach a h\nstart a write "
        "0x70000000+4K\n"
        "unmap one all\nwait a\n");
    // Without rings the DMA ends at its first request, so that trying everything stays cheap.
    Naive naive;
    EveryOrder orders;
    const auto all =
        outcomes(scenario, default_config(), naive, [](Decider& d) { return static_cast<Naive&>(d).next(); });
    const auto reduced = outcomes(scenario, default_config(), orders,
                                  [](Decider& d) { return static_cast<EveryOrder&>(d).next(); });
    EXPECT_EQ(all, reduced);
}

TEST(Schedule, ReadsBackAsWritten) {
    const std::vector<ActorId> ids{ActorId::lane(0), ActorId::lane(0), ActorId::dma(1), ActorId::lane(12)};
    EXPECT_EQ(schedule_str(ids), "0*2 d1 12");
    EXPECT_EQ(parse_schedule("0*2 d1 12"), ids);
    for (const auto* bad : {"x", "0*", "0*0", "d9", "17", "0 ,", "0*99999999"})
        EXPECT_THROW(static_cast<void>(parse_schedule(bad)), TextError) << bad;
}

TEST(Explore, AReplayIsTheSameHistory) {
    const auto scenario = Scenario::parse(
        "buffer p 4K\nbuffer q 4K\nioas one\nioas two\nmap one 0x200000 p rw\nmap two 0x200000 q rw\nattach "
        "a one\n"
        "start a write 0x200000+4K\nreplace a two\nwait a\n");
    ExploreOptions options{default_config(), 20, 1, true};
    std::size_t seen = 0;
    static_cast<void>(explore(scenario, options, [&](const History& h) {
        EXPECT_EQ(replay(scenario, options.config, h.schedule).lines, h.lines);
        return ++seen < 20;
    }));
    EXPECT_GT(seen, 5U);
}

TEST(Explore, ASeedIsAHistory) {
    const auto scenario = Scenario::parse(
        "buffer p 4K\nioas one\nmap one 0x200000 p rw\nattach a one\npump a write 0x200000+4K\nunmap one "
        "0x200000+4K\n"
        "map one 0x200000 p rw\nhalt a\n");
    std::vector<std::vector<Line>> first, second;
    for (auto* out : {&first, &second})
        static_cast<void>(explore(scenario, {default_config(), 50, 7, false}, [&](const History& h) {
            out->push_back(h.lines);
            return true;
        }));
    EXPECT_EQ(first, second);
    EXPECT_NE(first[0], first[1]);
}

}  // namespace
}  // namespace landfall::sim
