#include "landfall/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "landfall/report_text.hpp"
#include "source_dir.hpp"

namespace landfall {
namespace {

using testing::HasSubstr;
using testing::Not;

Trace golden(const std::string& name) {
    return Trace::read(std::string(LANDFALL_SOURCE_DIR) + "/fixtures/traces/" + name + ".trace");
}

void expect_width(const std::string& report, std::size_t width) {
    std::istringstream in(report);
    for (std::string line; std::getline(in, line);) {
        EXPECT_LE(text::columns(line), width) << line;
        EXPECT_EQ(line.find_last_not_of(' ') + 1, line.size()) << "blanks at the end of: " << line;
    }
}

TEST(Report, ExplainsWhatWasPromisedWhatWasPossibleAndWhatWasSeen) {
    const auto trace = golden("fail/landing-group-replace");
    const auto verdict = check(trace);
    const auto text = explain(trace, verdict.violations.at(0));
    EXPECT_THAT(text, HasSubstr("landing violated"));
    EXPECT_THAT(text, HasSubstr("landing-group-replace.trace:24"));
    EXPECT_THAT(text, HasSubstr("domain 'two' from line 22: 0x200000+4K -> p2 rw"));
    EXPECT_THAT(text, HasSubstr("observed   done seq 4 lands p1"));
    EXPECT_THAT(text, HasSubstr("drivers/iommu/iommu.c"));
    EXPECT_THAT(text, HasSubstr("▶    24")) << "the timeline points at the culprit";
    EXPECT_THAT(text, HasSubstr("replace a two => ok")) << "and shows the step that should have moved it";
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    expect_width(text, 100);
}

TEST(Report, ALineOfARunIsNotTakenForOneOfItsScenario) {
    auto trace = golden("fail/landing-group-replace");
    trace.file = "group.scn";
    trace.of_run = true;
    const auto text = explain(trace, check(trace).violations.at(0));
    EXPECT_THAT(text, HasSubstr("landing violated, line 24 of the run of group.scn\n"));
    EXPECT_THAT(text, Not(HasSubstr("group.scn:24")));
}

TEST(Report, ADmaInFlightIsDrawnFromItsStartToItsWait) {
    const auto trace = golden("fail/landing-torn-replace");
    const auto text = explain(trace, check(trace).violations.at(0));
    EXPECT_THAT(text, HasSubstr("wait b => done seq 2"));
    EXPECT_THAT(text, HasSubstr("████")) << "it overlaps the replace";
}

TEST(Report, ATimelineStaysSmallHoweverLongTheRun) {
    auto trace = golden("fail/landing-group-replace");
    auto violation = check(trace).violations.at(0);
    for (unsigned i = 1; i < 200; ++i) violation.witness.push_back(i);
    std::ranges::sort(violation.witness);
    const auto text = explain(trace, violation);
    EXPECT_LT(std::ranges::count(text, '\n'), 40);
    expect_width(text, 100);
}

TEST(Report, TellsTheWholeRun) {
    const auto trace = golden("pass/landing-group-replace");
    const auto text = story(trace, check(trace));
    EXPECT_THAT(text, HasSubstr("edu-pair-vtd · Linux 7.3.4 · IOMMU vtd"));
    EXPECT_THAT(text, HasSubstr("\nonly a is replaced ...\n"));
    EXPECT_THAT(text, HasSubstr("✓ → p2"));
    EXPECT_THAT(text, HasSubstr("✓ → nowhere"));
    EXPECT_THAT(text, HasSubstr("pass; 16 steps, 3 DMAs, 1 fault\n"));
    EXPECT_THAT(text, Not(HasSubstr("✗")));
    expect_width(text, 100);
}

TEST(Report, AViolationStandsUnderItsStep) {
    const auto trace = golden("fail/landing-group-replace");
    const auto text = story(trace, check(trace), {true, 100});
    EXPECT_LT(text.find("✗"), text.find("landing: b's write"));
    EXPECT_THAT(text, HasSubstr("\x1b[31m")) << "colour was asked for";
}

TEST(Report, EveryGoldenTraceCanBeExplained) {
    for (const auto* name : {"fault-alias", "kernel-warning", "stray-page", "outcome-ranges", "view-nothing",
                             "expectation-landing", "permission-write", "completeness-status"}) {
        const auto trace = golden(std::string("fail/") + name);
        const auto verdict = check(trace);
        for (const auto& v : verdict.violations) expect_width(explain(trace, v), 100);
        EXPECT_THAT(summary(verdict), HasSubstr("violation: ")) << name;
    }
}

TEST(Text, CountsColumnsNotBytes) {
    EXPECT_EQ(text::columns("→ p2"), 4U);
    EXPECT_EQ(text::pad("→", 3), "→  ");
    EXPECT_EQ(text::clip("→→→→", 3), "→→…");
    EXPECT_EQ(text::clip("abc", 3), "abc");
    EXPECT_EQ(text::wrap("one two three", 7, 2), "one two\n  three");
    EXPECT_EQ(text::wrap("", 7, 2), "");
}

}  // namespace
}  // namespace landfall
