// The checker as a whole, where a golden trace would be too much of a good thing.
#include "landfall/checker.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Two functions of one group, two address spaces that map 0x200000 to p1 and p2, the group on `one` since
// line 14.
constexpr const char* kStart =
    "kernel \"7.3.4\"\n"
    "iommu \"vtd-scalable\"\n"
    "device a 0000:00:08.0 1234:11e8 group 2 engine edu\n"
    "device b 0000:00:08.1 1234:11e8 group 2 engine edu alias 0000:02:00.0\n"
    "staging 0x70000000+1M\n"
    "@1 @2 buffer p1 4K => ok\n"
    "@3 @4 buffer p2 4K => ok\n"
    "@5 @6 ioas one => ok\n"
    "@7 @8 ioas two => ok\n"
    "@9 @10 map one 0x200000 p1 rw => ok\n"
    "@11 @12 map two 0x200000 p2 rw => ok\n"
    "@13 @14 attach a one => ok\n"
    "@15 @16 attach b one => ok\n";
constexpr unsigned kSteps = 8;

Verdict judge(const std::string& lines, unsigned steps, const CheckOptions& options = {}) {
    return check(Trace::parse(kStart + lines + fmt::format("end {}\n", kSteps + steps)), options);
}

std::vector<std::string> rules_of(const Verdict& verdict) {
    std::vector<std::string> out;
    for (const auto& v : verdict.violations) out.push_back(v.rule);
    return out;
}

TEST(Checker, TornAcrossAReplaceIsExplainedPieceByPiece) {
    const auto torn = [](const char* landing) {
        return rules_of(judge(fmt::format("@20 @21 start b write 0x200000+4K => ok\n"
                                          "@30 @40 replace a two => ok\n"
                                          "@50 @60 wait b => {}\n",
                                          landing),
                              3));
    };
    EXPECT_THAT(torn("done seq 1 lands p1[0x0+1K] nowhere+1K p2[0x800+2K]"), IsEmpty());
    EXPECT_THAT(torn("done seq 1 lands p1[0x0+1K] p2[0x800+3K]"), ElementsAre("landing"))
        << "right page, wrong place";
}

TEST(Checker, TornWithoutAStepIsNot) {
    EXPECT_THAT(
        rules_of(judge("@20 @30 dma b write 0x200000+4K => done seq 1 lands p1[0x0+1K] nowhere+3K\n", 1)),
        ElementsAre("completeness"));
}

TEST(Checker, WhatAnEarlierPageRefusedMayStopTheRest) {
    EXPECT_THAT(rules_of(judge("@20 @30 dma b write 0x1ff000+8K => error seq 1 nowhere\n", 1)), IsEmpty());
    EXPECT_THAT(rules_of(judge("@20 @30 dma b write 0x200000+8K => done seq 1 nowhere\n", 1)),
                ElementsAre("completeness"))
        << "the first page is mapped, and the device says it is done";
}

TEST(Checker, ACopyIsJudgedAtBothEnds) {
    const char* maps = "@17 @18 map one 0x300000 p2 rw => ok\n";
    const auto copy = [&](const char* landing) {
        return rules_of(
            judge(maps + fmt::format("@20 @30 dma a copy 0x200000+4K to 0x300000 => {}\n", landing), 2));
    };
    EXPECT_THAT(copy("done seq 1 from p1 lands p2"), IsEmpty());
    EXPECT_THAT(copy("done seq 1 from p2 lands p2"), ElementsAre("landing"));
    EXPECT_THAT(copy("done seq 1 from p1 lands p1"), ElementsAre("landing"));
    EXPECT_THAT(copy("done seq 1 nowhere"), ElementsAre("completeness"));
    EXPECT_THAT(rules_of(judge("@20 @30 dma a copy 0x200000+4K to 0x900000 => done seq 1 nowhere\n", 1)),
                IsEmpty());
    EXPECT_THAT(rules_of(judge("@20 @30 dma a copy 0x900000+4K to 0x200000 => done seq 1 nowhere\n", 1)),
                IsEmpty());
}

// The rig tells of a pump's DMA before it tells of the step that was under way meanwhile.
TEST(Checker, AnEventIsJudgedOnceItsStepIsKnown) {
    const char* lines =
        "@20 @21 pump b write 0x200000+4K => ok\n"
        "@22 @29 ! dma b write 0x200000+4K => done seq 1 lands p1\n"
        "@31 @42 ! dma b write 0x200000+4K => done seq 2 lands p2\n"
        "@30 @45 replace a two => ok\n"
        "@46 @50 ! dma b write 0x200000+4K => done seq 3 lands {}\n"
        "@60 @61 halt b => ok 0x3\n";
    EXPECT_THAT(rules_of(judge(fmt::format(fmt::runtime(lines), "p2"), 3)), IsEmpty());
    EXPECT_THAT(rules_of(judge(fmt::format(fmt::runtime(lines), "p1"), 3)), ElementsAre("landing"));
}

// Many DMAs in one line are judged as one is, and all of them count.
TEST(Checker, AlikeDmasInOneLine) {
    const auto pumped = [](const char* line, const char* step = "@40 @41 map one 0x400000 p2 rw => ok") {
        return judge(fmt::format("@20 @21 pump b write 0x200000+4K => ok\n{}\n{}\n@60 @61 halt b => ok 0x9\n", line, step), 3);
    };
    const auto good = pumped("@22 @39 ! dma b write 0x200000+4K times 9 => done seq 1 lands p1");
    EXPECT_EQ(good.kind, Verdict::Kind::pass) << good.reason;
    EXPECT_EQ(good.dmas, 9U);
    EXPECT_THAT(rules_of(pumped("@22 @39 ! dma b write 0x200000+4K times 9 => done seq 1 lands p2")), ElementsAre("landing"));
    // Its bounds may be the step's; a step inside would make every one of them right by what only some of them met.
    EXPECT_EQ(pumped("@22 @40 ! dma b write 0x200000+4K times 9 => done seq 1 lands p1").kind, Verdict::Kind::pass);
    const auto blurred = pumped("@22 @42 ! dma b write 0x200000+4K times 9 => done seq 1 lands p1");
    EXPECT_EQ(blurred.kind, Verdict::Kind::inconclusive);
    EXPECT_THAT(blurred.reason, testing::HasSubstr("9 DMAs in one line, and the step of line"));
    EXPECT_EQ(pumped("@22 @42 ! dma b write 0x200000+4K times 9 => done seq 1 lands p1", "@40 @41 sleep 1ms => ok").kind,
              Verdict::Kind::pass);
}

// A pump may have several DMAs under way. Where two of its places are one memory, the later may have put its bytes over the
// earlier one's before these were looked for; one that came after its end has not.
TEST(Checker, DmasOfOnePumpMayMeet) {
    const auto pumped = [](unsigned second_begins, const char* first, const char* iova) {
        return rules_of(judge(fmt::format("@20 @21 map one {} p1 rw => ok\n"
                                          "@22 @23 pump b write 0x200000+64K by 4K deep 2 => ok\n"
                                          "@24 @30 ! dma b write 0x200000+4K => done seq 1 {}\n"
                                          "@{} @36 ! dma b write 0x201000+4K => done seq 2 lands p1\n"
                                          "@40 @41 halt b => ok 0x2\n",
                                          iova, first, second_begins),
                              3));
    };
    EXPECT_THAT(pumped(25, "lands p1", "0x201000"), IsEmpty());
    EXPECT_THAT(pumped(25, "nowhere", "0x201000"), IsEmpty());
    EXPECT_THAT(pumped(31, "nowhere", "0x201000"), ElementsAre("completeness"));
    // Nothing is mapped where the second one was to go: it proves nothing for the first.
    EXPECT_THAT(pumped(25, "nowhere", "0x300000"), testing::Contains("completeness"));
}

// So many DMAs during one step that the first are looked at before the step is known.
TEST(Checker, ALongStepIsJudgedLikeAShortOne) {
    const auto pumped = [](const char* early, const char* late) {
        std::string lines = "@20 @21 pump b write 0x200000+4K => ok\n";
        for (int i = 0; i < 10000; ++i)
            lines += fmt::format("@{} @{} ! dma b write 0x200000+4K => done {}\n", 100 + 10 * i, 109 + 10 * i,
                                 i == 50 ? early : "lands p1");
        lines += fmt::format(
            "@90 @100200 replace a two => ok\n"
            "@100210 @100220 ! dma b write 0x200000+4K => done lands {}\n"
            "@200000 @200001 halt b => ok\n",
            late);
        return rules_of(judge(lines, 3));
    };
    EXPECT_THAT(pumped("lands p2", "p2"), IsEmpty());
    EXPECT_THAT(pumped("nowhere", "p2"), IsEmpty());
    EXPECT_THAT(pumped("lands p2[0x8+2K]", "p2"), ElementsAre("landing"));
    EXPECT_THAT(pumped("lands p2", "p1"), ElementsAre("landing"));
}

TEST(Checker, ACutTraceJudgesNoEventAnUnseenStepMayExplain) {
    const auto trace = Trace::parse(std::string(kStart) +
                                    "@20 @21 pump b write 0x200000+4K => ok\n"
                                    "@31 @42 ! dma b write 0x200000+4K => done seq 2 lands p2\n");
    const auto verdict = check(trace);
    EXPECT_EQ(verdict.kind, Verdict::Kind::inconclusive);
    EXPECT_THAT(verdict.violations, IsEmpty());
}

TEST(Checker, AFaultWaitsForTheDmaItMayBelongTo) {
    const auto verdict = [](const char* range) {
        return rules_of(judge(fmt::format("@20 @21 start b write {} => ok\n"
                                          "@22 ! fault 0000:02:00.0 write 0x301000 reason 0x5\n"
                                          "@30 @31 sleep 1ms => ok\n"
                                          "@40 @41 wait b => done seq 1 nowhere\n",
                                          range),
                              3));
    };
    EXPECT_THAT(verdict("0x300000+8K"), IsEmpty());
    EXPECT_THAT(verdict("0x300000+4K"), ElementsAre("fault"));
}

TEST(Checker, AFaultIsNotExplainedByALaterDma) {
    EXPECT_THAT(rules_of(judge("@20 @30 dma b write 0x200000+4K => done seq 1 lands p1\n"
                               "@31 ! fault 0000:00:08.1 write 0x300000\n"
                               "@40 @50 dma b write 0x300000+4K => done seq 2 nowhere\n",
                               2)),
                ElementsAre("fault"));
}

TEST(Checker, RingFetchesFaultWhileTheDomainHasNoRings) {
    const char* fault = "@25 ! fault 0000:00:08.0 read 0x70001000\n";
    EXPECT_THAT(rules_of(judge(std::string("@20 @24 detach a => ok\n@24 @26 detach b => ok\n") + fault, 2)),
                IsEmpty());
    EXPECT_THAT(rules_of(judge(std::string("@20 @24 sleep 1ms => ok\n") + fault, 1)), ElementsAre("fault"));
}

TEST(Checker, ADmaOfAClosedDeviceReachesNothing) {
    EXPECT_THAT(rules_of(judge(
                    "@20 @21 close b => ok\n@30 @31 dma b write 0x200000+4K => timeout seq 1 nowhere\n", 2)),
                IsEmpty());
    const auto verdict =
        judge("@20 @21 close b => ok\n@30 @31 dma b write 0x200000+4K => done seq 1 lands p1\n", 2);
    ASSERT_THAT(rules_of(verdict), ElementsAre("landing"));
    EXPECT_THAT(verdict.violations[0].summary, HasSubstr("the device was closed"));
}

TEST(Checker, MemoryOutsideTheMappedSliceIsNotReached) {
    const auto verdict = judge(
        "@17 @18 buffer s 8K skew 512 => ok\n@19 @20 map two 0x300000 s[0xe00+4K] rw => ok\n"
        "@21 @22 replace a two => ok\n"
        "@30 @40 dma a write 0x300000+4K => done seq 1 lands s[0xe00+4K]\n"
        "@50 @60 dma a write 0x300000+4K => done seq 2 lands s.pages[0x0+4K]\n",
        5);
    ASSERT_THAT(rules_of(verdict), ElementsAre("landing"));
    EXPECT_EQ(verdict.violations[0].line, 18U);
}

// ---- verdicts that are neither pass nor violation ---------------------------------------------------------

TEST(Verdict, UnmetRequirementsAreNamed) {
    const auto verdict = judge("@20 @21 require feature map-file => unmet \"this rig lacks map-file\"\n", 1);
    EXPECT_EQ(verdict.kind, Verdict::Kind::unmet);
    EXPECT_EQ(verdict.exit_status(), ExitStatus::unmet);
    EXPECT_EQ(verdict.reason, "this rig lacks map-file");
}

TEST(Verdict, WhatFollowsABrokenStepProvesNothing) {
    const auto verdict = judge(
        "@20 @21 map one 0x300000 p1 rw => broken \"lost\"\n"
        "@22 @23 dma b write 0x200000+4K => done seq 1 lands p2\n",
        2);
    EXPECT_EQ(verdict.kind, Verdict::Kind::inconclusive);
    EXPECT_EQ(verdict.reason, "line 14: lost");
    EXPECT_THAT(verdict.violations, IsEmpty());
}

TEST(Verdict, AViolationBeatsWhateverCameAfterIt) {
    const char* bad = "@20 @21 dma b write 0x200000+4K => done seq 1 lands p2\n";
    EXPECT_EQ(judge(std::string(bad) + "@22 ! lab \"the channel closed\"\n", 1).kind,
              Verdict::Kind::violation);
    EXPECT_EQ(check(Trace::parse(std::string(kStart) + bad + "@30 @4")).kind, Verdict::Kind::violation);
}

TEST(Verdict, AKernelThatDiedIsAFindingEvenIfTheLabLostTheRest) {
    const auto trace = Trace::parse(std::string(kStart) +
                                    "@20 ! lab \"the channel closed\"\n"
                                    "@21 ! kernel \"Kernel panic - not syncing\"\n");
    EXPECT_THAT(rules_of(check(trace)), ElementsAre("kernel"));
}

TEST(Verdict, TracesThatProveNothing) {
    const auto reason = [](const std::string& text) {
        const auto verdict = check(Trace::parse(text));
        EXPECT_EQ(verdict.kind, Verdict::Kind::inconclusive) << text;
        EXPECT_EQ(verdict.exit_status(), ExitStatus::inconclusive);
        return verdict.reason;
    };
    EXPECT_THAT(reason(""), HasSubstr("no 'end'"));
    EXPECT_THAT(reason(kStart), HasSubstr("no 'end'"));
    EXPECT_THAT(reason(std::string(kStart) + "end"), HasSubstr("breaks off"));
    EXPECT_THAT(reason(std::string(kStart) + "end 9\n"), HasSubstr("counts 9 steps, the trace has 8"));
    EXPECT_THAT(reason("end 0\n"), HasSubstr("no step"));
    EXPECT_THAT(reason("ioas one\nend 1\n"), HasSubstr("was not run"));
    EXPECT_THAT(reason("@1 @2 attach a one => ok\nend 1\n"), HasSubstr("no device fact for 'a'"));
    EXPECT_THAT(reason(std::string(kStart) + "@20 @21 wait b => done nowhere\nend 9\n"),
                HasSubstr("no DMA was started"));
    EXPECT_THAT(reason(std::string(kStart) + "@20 @21 view b => ok\nend 9\n"), HasSubstr("outcome"));
    EXPECT_THAT(reason(std::string(kStart) + "end 8\n@20 @21 detach b => ok\nend 9\n"),
                HasSubstr("line 15: the trace goes on behind its 'end'"));
    EXPECT_THAT(reason(std::string(kStart) + "end 8\n@20 ! kernel \"WARNING: at x\"\nend 8\n"), HasSubstr("goes on"));
    EXPECT_EQ(check(Trace::parse(std::string(kStart) + "end 8\n# a remark\n")).kind, Verdict::Kind::pass);
}

TEST(Verdict, ACopyOfACopyEndsBeforeMemoryDoes) {
    std::string text;
    for (unsigned i = 0; i < 40; ++i)
        text += fmt::format("@{0} @{1} ioas-copy one {2:#x} one 0x200000+{3:#x} rw => ok\n", 20 + 2 * i, 21 + 2 * i,
                            0x200000 + (kPageSize << i), kPageSize << i);
    const auto verdict = judge(text, 40);
    EXPECT_EQ(verdict.kind, Verdict::Kind::inconclusive);
    EXPECT_THAT(verdict.reason, HasSubstr(": more than 65536 mappings at once"));
}

// Steps on things that were never made must not bring the checker down, whatever the trace says of them.
TEST(Verdict, ATraceThatMakesNoSenseIsJudgedAllTheSame) {
    const auto verdict = judge(
        "@20 @21 map nix 0x1000 p1 rw => ok\n@22 @23 map one 0x1000 nix rw => ok\n"
        "@24 @25 unmap nix all => ok 0x0\n@26 @27 ioas-copy nix 0x1000 nix 0x0+4K r => ok\n"
        "@28 @29 attach a nix => ok\n@30 @31 destroy one => ok\n@32 @33 ranges nix => ok\n"
        "@34 @35 map one 0xfffffffffffff000 p1[0x0+8K] rw => ok\n"
        "@36 @37 hwpt h nix a => ok\n@38 @39 option nix huge-pages off => ok\n"
        "@40 @41 dma a copy 0x200000+4K to 0x900000 => done lands nix\n",
        11);
    EXPECT_EQ(verdict.kind, Verdict::Kind::violation);
}

TEST(Verdict, FurtherViolationsAreCounted) {
    CheckOptions options;
    options.max_violations = 2;
    std::string lines;
    for (int i = 0; i < 5; ++i)
        lines += fmt::format("@{} @{} dma b write 0x200000+4K => done lands p2\n", 20 + i * 2, 21 + i * 2);
    const auto verdict = judge(lines, 5, options);
    EXPECT_EQ(verdict.violations.size(), 2U);
    EXPECT_EQ(verdict.dropped, 3U);
}

TEST(Verdict, MayBeAskedForAtAnyTime) {
    const auto trace =
        Trace::parse(std::string(kStart) + "@20 @21 dma b write 0x200000+4K => done lands p2\nend 9\n");
    Checker checker;
    for (const auto& line : trace.lines) {
        static_cast<void>(checker.finish());
        checker.feed(line);
        EXPECT_EQ(checker.violations().size(), line.number < 14 ? 0U : 1U) << "at once, not a step later";
    }
    EXPECT_EQ(checker.finish().violations.size(), 1U);
}

// ---- findings already understood --------------------------------------------------------------------------

TEST(Known, ARunWithNothingButKnownFindingsPassesAndListsThem) {
    CheckOptions options;
    options.known = {
        {{"completeness"}, KernelRelease{6, 12}, KernelRelease{7, 3}, {"vtd-scalable"}, true, "K1", "text"}};
    const char* lost = "@20 @21 dma {} write 0x200000+4K => timeout nowhere\n";
    const auto with = [&](const char* device) {
        return judge(fmt::format(fmt::runtime(lost), device), 1, options);
    };
    EXPECT_EQ(with("b").kind, Verdict::Kind::pass);
    ASSERT_EQ(with("b").violations.size(), 1U);
    EXPECT_EQ(with("b").violations[0].known, "K1");
    EXPECT_EQ(with("a").kind, Verdict::Kind::violation) << "a is behind no bridge";
    options.known[0].until = KernelRelease{7, 2};
    EXPECT_EQ(with("b").kind, Verdict::Kind::violation) << "it is back, or never went";
    options.known[0].until.reset();
    options.known[0].iommus = {"vtd"};
    EXPECT_EQ(with("b").kind, Verdict::Kind::violation);
    options.known[0].iommus.clear();
    options.known[0].access = Access{false, true};
    EXPECT_EQ(with("b").kind, Verdict::Kind::pass);
    options.known[0].access = Access{true, false};
    EXPECT_EQ(with("b").kind, Verdict::Kind::violation) << "a write is no read";
    options.known[0].access.reset();
    options.known[0].says = "landed nowhere";
    EXPECT_EQ(with("b").kind, Verdict::Kind::pass);
    options.known[0].says = "stale domain";
    EXPECT_EQ(with("b").kind, Verdict::Kind::violation) << "it is about something else";
    options.known[0].says.clear();
    options.known[0].feature = "qemu-iommu";
    EXPECT_EQ(with("b").kind, Verdict::Kind::violation) << "a rig without that feature";
    options.known[0].feature.clear();
    options.known[0].engine = "nvme";
    EXPECT_EQ(with("b").kind, Verdict::Kind::violation) << "an edu";
    options.known[0].engine = "edu";
    EXPECT_EQ(with("b").kind, Verdict::Kind::pass);
}

TEST(Checker, SaysOfWhatIsMissingWhetherTheDeviceAnswered) {
    const auto summary = [](const char* landing) {
        return judge(fmt::format("@20 @21 dma a write 0x200000+4K => {}\n", landing), 1).violations.at(0).summary;
    };
    EXPECT_EQ(summary("done nowhere"), "a's write of 0x200000+4K landed nowhere, though 'one' maps it to p1 throughout");
    EXPECT_EQ(summary("timeout nowhere"), "a's write of 0x200000+4K never finished and landed nowhere, though 'one' maps it to p1 throughout");
}

}  // namespace
}  // namespace landfall
