#include <gtest/gtest.h>

#include "landfall/line.hpp"

namespace landfall {
namespace {

Outcome outcome(const std::string& text) { return *parse_line("@1 @2 sleep 0s => " + text, "f", 1).observed; }
bool met(const std::string& observed, const std::string& expected) {
    return fulfils(outcome(observed), outcome(expected));
}

TEST(Fulfils, Answers) {
    EXPECT_TRUE(met("ok", "ok"));
    EXPECT_TRUE(met("EINVAL", "EINVAL"));
    EXPECT_TRUE(met("ok 0x1000", "ok"));
    EXPECT_TRUE(met("ok 0x1000", "ok 0x1000"));
    EXPECT_TRUE(met("ok 0x0+4K 0x2000+4K", "ok 0x0+4K 0x2000+4K"));
    EXPECT_FALSE(met("ok", "EINVAL"));
    EXPECT_FALSE(met("EINVAL", "ok"));
    EXPECT_FALSE(met("EBUSY", "EINVAL"));
    EXPECT_FALSE(met("ok", "ok 0x1000"));
    EXPECT_FALSE(met("ok 0x2000", "ok 0x1000"));
    EXPECT_FALSE(met("ok 0x0+4K", "ok 0x0+4K 0x2000+4K"));
}

TEST(Fulfils, ABareNameStandsForAnyBytesOfTheBuffer) {
    EXPECT_TRUE(met("done seq 7 lands p1", "lands p1"));
    EXPECT_TRUE(met("done seq 7 lands p1[0x40+64]", "lands p1"));
    EXPECT_FALSE(met("done seq 7 lands p2", "lands p1"));
    EXPECT_FALSE(met("done seq 7 nowhere", "lands p1"));
    EXPECT_FALSE(met("done seq 7 lands p1[0x0+64] nowhere+64", "lands p1"));
    EXPECT_FALSE(met("done seq 7 lands p1[0x0+64] p2[0x40+64]", "lands p1"));
}

TEST(Fulfils, ASliceStandsForExactlyThoseBytes) {
    EXPECT_TRUE(met("done seq 7 lands p1[0x40+64]", "lands p1[0x40+64]"));
    EXPECT_FALSE(met("done seq 7 lands p1[0x80+64]", "lands p1[0x40+64]"));
    EXPECT_TRUE(met("done seq 7 lands p1", "lands p1[0x0+4K]"));
    EXPECT_FALSE(met("done seq 7 lands p1", "lands p1[0x40+64]"));
}

TEST(Fulfils, GapsNowhereAndNothing) {
    EXPECT_TRUE(met("done seq 7 nowhere", "nowhere"));
    EXPECT_TRUE(met("error seq 7 nowhere", "nowhere"));
    EXPECT_TRUE(met("done seq 7 nothing", "nothing"));
    EXPECT_TRUE(met("done seq 7 lands p1[0x0+1K] nowhere+3K", "lands p1 nowhere+3K"));
    EXPECT_FALSE(met("done seq 7 lands p1[0x0+1K] nowhere+3K", "lands p1 nowhere+2K"));
    EXPECT_FALSE(met("done seq 7 lands p1", "nowhere"));
    EXPECT_FALSE(met("done seq 7 from p1", "nothing"));
}

TEST(Fulfils, StatusOnlyWhenItIsAskedFor) {
    EXPECT_TRUE(met("error seq 7 nowhere", "error nowhere"));
    EXPECT_FALSE(met("timeout seq 7 nowhere", "error nowhere"));
    EXPECT_TRUE(met("timeout seq 7 nowhere", "timeout"));
}

TEST(Fulfils, TheSequenceNumberIsTheRunsOwn) { EXPECT_TRUE(met("done seq 7 lands p1", "seq 3 lands p1")); }

TEST(Fulfils, BytesInAFurtherPlaceAreNeverExpectedUnlessNamed) {
    EXPECT_FALSE(met("done seq 7 lands p1 also p2", "lands p1"));
    EXPECT_TRUE(met("done seq 7 lands p1 also p2", "lands p1 also p2"));
    EXPECT_FALSE(met("done seq 7 lands p1", "lands p1 also p2"));
}

TEST(Fulfils, ACopyIsJudgedAtBothEndsThatAreNamed) {
    EXPECT_TRUE(met("done seq 7 from p1 lands p2", "lands p2"));
    EXPECT_TRUE(met("done seq 7 from p1 lands p2", "from p1"));
    EXPECT_FALSE(met("done seq 7 from p2 lands p2", "from p1 lands p2"));
}

TEST(Fulfils, Sightings) {
    EXPECT_TRUE(met("sees one", "sees one"));
    EXPECT_TRUE(met("sees nothing", "sees nothing"));
    EXPECT_FALSE(met("sees one", "sees two"));
    EXPECT_FALSE(met("sees nothing", "sees one"));
}

TEST(Fulfils, KindsDoNotMix) {
    EXPECT_FALSE(met("unmet \"no such feature\"", "ok"));
    EXPECT_FALSE(met("broken \"gone\"", "nowhere"));
    EXPECT_FALSE(met("ok", "sees one"));
    EXPECT_FALSE(met("done seq 7 nowhere", "EFAULT"));
}

}  // namespace
}  // namespace landfall
