// Possible worlds, as the checker keeps them: steps side by side and what is seen of them afterwards.
#include "landfall/world.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Two functions of one group and three address spaces that map 0x200000 to p1, p2 and p3, the group on `one`.
constexpr const char* kStart =
    "device a 0000:00:08.0 1234:11e8 group 2 engine edu\n"
    "device b 0000:00:08.1 1234:11e8 group 2 engine edu\n"
    "staging 0x70000000+1M\n"
    "@1 @1 buffer p1 4K => ok\n"
    "@2 @2 buffer p2 4K => ok\n"
    "@3 @3 buffer p3 4K => ok\n"
    "@4 @4 ioas one => ok\n"
    "@5 @5 ioas two => ok\n"
    "@6 @6 ioas three => ok\n"
    "@7 @7 map one 0x200000 p1 rw => ok\n"
    "@8 @8 map two 0x200000 p2 rw => ok\n"
    "@9 @9 map three 0x200000 p3 rw => ok\n"
    "@10 @10 attach a one => ok\n"
    "@11 @11 attach b one => ok\n";
constexpr unsigned kSteps = 11;
constexpr const char* kRace =
    "@20 @40 lane 1: replace a two => ok\n"
    "@21 @41 lane 2: replace b three => ok\n";

Verdict judge(const std::string& lines, unsigned steps) {
    return check(Trace::parse(kStart + lines + fmt::format("end {}\n", kSteps + steps)));
}

std::vector<std::string> rules_of(const Verdict& verdict) {
    std::vector<std::string> out;
    for (const auto& v : verdict.violations) out.push_back(v.rule);
    return out;
}

std::string write(int begin, const char* device, const char* landing) {
    return fmt::format("@{} @{} dma {} write 0x200000+4K => done {}\n", begin, begin + 5, device, landing);
}

TEST(Worlds, EitherMayBeTheTrueOne) {
    EXPECT_THAT(rules_of(judge(kRace + write(50, "a", "lands p2"), 3)), IsEmpty());
    EXPECT_THAT(rules_of(judge(kRace + write(50, "a", "lands p3"), 3)), IsEmpty());
    EXPECT_THAT(rules_of(judge(kRace + write(50, "a", "lands p1"), 3)), ElementsAre("landing"));
    EXPECT_THAT(rules_of(judge(kRace + write(50, "a", "nowhere"), 3)), ElementsAre("completeness"));
}

TEST(Worlds, WhatOneDmaShowsHoldsForTheNext) {
    EXPECT_THAT(rules_of(judge(kRace + write(50, "a", "lands p2") + write(60, "b", "lands p2"), 4)),
                IsEmpty());
    EXPECT_THAT(rules_of(judge(kRace + write(50, "a", "lands p2") + write(60, "b", "lands p3"), 4)),
                ElementsAre("landing"));
}

TEST(Worlds, AnAnswerTellsThemApartToo) {
    const auto after = [&](const char* landing) {
        return rules_of(judge(std::string(kRace) + "@50 @51 detach a => ok\n@52 @53 detach b => ok\n" +
                                  "@54 @55 attach a two => ok\n" + write(60, "a", landing),
                              6));
    };
    EXPECT_THAT(after("lands p2"), IsEmpty()) << "the worlds have become one again";
    EXPECT_THAT(after("lands p3"), ElementsAre("landing"));
    const std::string map = "@50 @51 map two 0x200000 p3 rw => EEXIST\n";
    EXPECT_THAT(rules_of(judge(kRace + map + write(60, "a", "lands p2"), 4)), IsEmpty());
}

TEST(Worlds, DuringTheBlockEveryDomainIsPossible) {
    const auto during = [](const char* landing) {
        return rules_of(judge(fmt::format("@20 @40 lane 1: replace a two => ok\n"
                                          "@21 @41 lane 2: replace b three => ok\n"
                                          "@22 @42 lane 3: dma b write 0x200000+4K => done {}\n",
                                          landing),
                              3));
    };
    for (const auto* fine : {"lands p1", "lands p2", "lands p3", "nowhere", "lands p1[0x0+1K] p3[0x400+3K]"})
        EXPECT_THAT(during(fine), IsEmpty()) << fine;
    EXPECT_THAT(during("lands p1[0x0+1K] p3[0x800+2K] nowhere+1K"), ElementsAre("landing"));
}

TEST(Worlds, DmasOfOneBlockMayMeet) {
    const auto both = [](const char* first, const char* second) {
        return rules_of(judge(fmt::format("@20 @40 lane 1: dma a write 0x200000+4K => done {}\n"
                                          "@{} @50 lane 2: dma b write 0x200000+4K => done lands p1\n",
                                          first, second),
                              2));
    };
    EXPECT_THAT(both("nowhere", "30"), IsEmpty()) << "the other one wrote over it";
    EXPECT_THAT(both("nowhere", "41"), ElementsAre("completeness")) << "the other one came later";
}

TEST(Worlds, AStartAndItsWaitMayStandInABlockAndBehindIt) {
    const auto landed = [](const char* landing) {
        return rules_of(judge(fmt::format("@20 @21 lane 1: start b write 0x200000+4K => ok\n"
                                          "@22 @30 lane 2: replace a two => ok\n"
                                          "@50 @60 wait b => done {}\n",
                                          landing),
                              3));
    };
    EXPECT_THAT(landed("lands p1[0x0+1K] p2[0x400+3K]"), IsEmpty());
    EXPECT_THAT(landed("lands p3"), ElementsAre("landing"));
}

TEST(Worlds, APumpGoesOnBesideABlock) {
    const auto pumped = [](const char* beside, const char* after) {
        return rules_of(judge(fmt::format("@20 @21 pump b write 0x200000+4K => ok\n"
                                          "@22 @29 ! dma b write 0x200000+4K => done lands p1\n"
                                          "@31 @39 ! dma b write 0x200000+4K => done lands p3\n"
                                          "@30 @40 lane 1: replace a two => ok\n"
                                          "@41 @44 ! dma b write 0x200000+4K => done lands {}\n"
                                          "@30 @45 lane 2: replace b three => ok\n"
                                          "@46 @50 ! dma b write 0x200000+4K => done lands {}\n"
                                          "@60 @61 halt b => ok 0x4\n",
                                          beside, after),
                              4));
    };
    EXPECT_THAT(pumped("p2", "p2"), IsEmpty());
    EXPECT_THAT(pumped("p2", "p3"), IsEmpty());
    EXPECT_THAT(pumped("p2", "p1"), ElementsAre("landing"));
    EXPECT_THAT(pumped("p3", "p2"), ElementsAre("landing")) << "whoever left 'three' had done so by 40";
    EXPECT_THAT(pumped("p1", "p2"), ElementsAre("landing")) << "whoever was first had left 'one' by 40";
    EXPECT_THAT(pumped("p1", "p3"), ElementsAre("landing"));
}

// Races nobody looks at: without merging, 40 of them would be 2^40 worlds.
TEST(Worlds, ThoseThatNoLongerDifferAreOne) {
    std::string lines;
    for (int i = 0; i < 40; ++i) {
        const int t = 100 * (i + 1);
        lines += fmt::format(
            "@{} @{} lane 1: replace a two => ok\n"
            "@{} @{} lane 2: replace b three => ok\n"
            "@{} @{} replace a one => ok\n",
            t, t + 20, t, t + 21, t + 30, t + 40);
    }
    const auto verdict = judge(lines + write(9000, "a", "lands p1"), 121);
    EXPECT_EQ(verdict.kind, Verdict::Kind::pass) << verdict.reason;
}

TEST(Worlds, TooManyOrdersAreNoPass) {
    std::string lines;
    for (int lane = 1; lane <= 16; ++lane)
        lines +=
            fmt::format("@20 @{} lane {}: map one 0x{:x}000 p1 rw => ok\n", 40 + lane, lane, 0x300 + lane);
    const auto verdict = judge(lines, 16);
    EXPECT_EQ(verdict.kind, Verdict::Kind::inconclusive);
    EXPECT_THAT(verdict.reason, HasSubstr("too many possible orders of the steps of lines 15 to 30"));
}

TEST(Worlds, ABlockThatBreaksOffIsNotJudged) {
    const auto verdict = check(
        Trace::parse(std::string(kStart) + "@22 @42 lane 3: dma b write 0x200000+4K => done lands p2\n"));
    EXPECT_EQ(verdict.kind, Verdict::Kind::inconclusive);
    EXPECT_THAT(verdict.violations, IsEmpty()) << "a replace of another lane may be under way";
}

}  // namespace
}  // namespace landfall
