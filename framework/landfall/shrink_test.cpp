// Shrinking with predicates made up for the test: what must stay is known beforehand.
#include <gtest/gtest.h>

#include <algorithm>

#include "landfall/generate.hpp"
#include "landfall/shrink.hpp"

namespace landfall {
namespace {

template <class S>
bool holds(const Line& line) {
    return line.step() != nullptr && std::holds_alternative<S>(*line.step());
}

// A step of each kind, in this order.
template <class First, class Second>
bool one_then_other(const Scenario& scenario) {
    bool first = false;
    for (const auto& line : scenario.lines) {
        if (first && holds<Second>(line)) return true;
        first = first || holds<First>(line);
    }
    return false;
}

std::string shrunk(const std::string& text, const Fails& fails) {
    return shrink(Scenario::parse(text), fails).scenario.print();
}

TEST(Shrink, KeepsWhatFailsAndWhatThatNeeds) {
    const auto text =
        "# a title\nbuffer p 8K\nbuffer q 4K\nioas one\nioas two\nmap one 0x200000 p rw\nmap two 0x200000 q "
        "r\n"
        "attach a two\ndma a write 0x200000+4K\nunmap one 0x200000+8K\ndma b read 0x200040+256\n";
    EXPECT_EQ(shrunk(text, one_then_other<Unmap, Dma>),
              "ioas one\nunmap one 0x200000+4K\ndma b read 0x200000+64\n");
}

TEST(Shrink, MakesArgumentsSimpler) {
    const auto maps = [](const Scenario& s) {
        return std::ranges::any_of(s.lines, [](const Line& l) { return holds<Map>(l); });
    };
    EXPECT_EQ(
        shrunk("buffer p 64K memfd\nioas one bare\nmap-file one 0x200000 p[0x2000+16K] r => ok\n", maps),
        "buffer p 4K\nioas one\nmap one 0x200000 p rw\n");
}

TEST(Shrink, LeavesLanesAndTheBackgroundWhereTheyDoNotMatter) {
    const auto text =
        "ioas one\npump a copy 0x1000+4K to 0x3000\nlane 1: attach a one\nlane 2: attach b one\nhalt a\n";
    const auto moves = [](const Scenario& s) {
        const auto any = [&](auto is) { return std::ranges::any_of(s.lines, is); };
        return any([](const Line& l) { return holds<Attach>(l); }) &&
               any([](const Line& l) { return holds<Dma>(l) || holds<Pump>(l); });
    };
    EXPECT_EQ(shrunk(text, moves), "ioas one\nattach a one\ndma a write 0x3000+64\n");
}

TEST(Shrink, TakesABackgroundDmaAsAWhole) {
    const auto text =
        "ioas one\nstart a write 0x200000+64\nattach b one\nwait a\npump b read 0x0+64\nhalt b\n";
    EXPECT_EQ(shrunk(text, one_then_other<Attach, Wait>),
              "ioas one\nstart a write 0x200000+64\nattach b one\nwait a\n");
}

TEST(Shrink, ValidLinesAreWhatIsLeftWhenAnObjectIsGone) {
    const auto lines =
        Scenario::parse("buffer p 4K\nioas one\nhwpt h one a\nmap one 0x1000 p rw\nattach a h\nview a\n")
            .lines;
    EXPECT_EQ((Scenario{"", valid_lines({lines.begin() + 2, lines.end()})}).print(), "view a\n");
    const auto pump = Scenario::parse("pump a read 0x0+64\nhalt a\ndma b read 0x0+64\n").lines;
    EXPECT_EQ((Scenario{"", valid_lines({pump[0], pump[2]})}).print(), "dma b read 0x0+64\n");
}

TEST(Shrink, EndsValidFailingAndWithNothingToSpare) {
    const Fails fails = one_then_other<Attach, Unmap>;
    unsigned failing = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        Random random(seed);
        const auto scenario = generate(random);
        if (!fails(scenario)) continue;
        ++failing;
        const auto small = shrink(scenario, fails).scenario;
        ASSERT_TRUE(fails(Scenario::parse(small.print()))) << small.print();
        for (std::size_t i = 0; i < small.lines.size(); ++i) {
            auto lines = small.lines;
            lines.erase(lines.begin() + static_cast<long>(i));
            EXPECT_FALSE(fails({"", valid_lines(std::move(lines))})) << small.print() << "line " << i;
        }
    }
    EXPECT_GT(failing, 100U);
}

TEST(SequentialTest, IsWrongNoMoreOftenThanItSays) {
    constexpr double kSeldom = 0.05, kOften = 0.25, kError = 0.02;
    Random random(1);
    const auto wrong = [&](double truth, bool right) {
        unsigned n = 0;
        for (int trial = 0; trial < 3000; ++trial) {
            SequentialTest test(kSeldom, kOften, kError);
            while (!test.decision()) test.add(random.below(1000) < static_cast<std::uint64_t>(truth * 1000));
            n += *test.decision() != right ? 1 : 0;
        }
        return n / 3000.0;
    };
    EXPECT_LE(wrong(kSeldom, false), kError * 1.3);
    EXPECT_LE(wrong(kOften, true), kError * 1.3);
    EXPECT_EQ(wrong(0.9, true), 0);
}

TEST(Rate, IsBoundedFromBelow) {
    EXPECT_NEAR((Rate{10, 10}.at_least(0.99)), 0.630957, 1e-5);  // 0.01^(1/10)
    EXPECT_NEAR((Rate{20, 10}.at_least(0.95)), 0.302, 1e-3);
    EXPECT_EQ((Rate{20, 0}.at_least(0.95)), 0);
}

TEST(Shrink, FindsTheWayThroughAFailureThatIsLeftToChance) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Random random(seed);
        const Fails sometimes = [&](const Scenario& s) {
            return one_then_other<Unmap, Dma>(s) && random.below(10) < 3;
        };
        const auto scenario = Scenario::parse(
            "buffer p 4K\nioas one\nioas two\nattach a one\nmap one 0x200000 p rw\nunmap one "
            "0x200000+4K\nview a\n"
            "dma a write 0x200000+64\ndetach a\n");
        const auto rate = measure([&] { return sometimes(scenario); }, 10, 200);
        EXPECT_EQ(rate.failures, 10U);
        Repeatedly repeatedly(sometimes, static_cast<double>(rate.failures) / static_cast<double>(rate.runs),
                              0.001);
        const auto small = shrink(scenario, std::ref(repeatedly));
        EXPECT_EQ(small.scenario.print(), "ioas one\nunmap one 0x200000+4K\ndma a write 0x200000+64\n")
            << seed;
        EXPECT_GT(repeatedly.runs(), small.tried);
    }
}

}  // namespace
}  // namespace landfall
