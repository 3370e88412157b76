#include "sim/play.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "landfall/trace.hpp"
#include "sim/played_test.hpp"

namespace landfall::sim {
namespace {

const std::string kPair =
    "buffer p 4K\nbuffer q 4K\nioas one\nioas two\nhwpt h one a\nhwpt g two a\nmap one 0x200000 p rw\n"
    "map two 0x200000 q rw\nattach a h\nattach b h\n";
const std::string kRace = kPair + "start b write 0x200000+4K\nreplace a g\nwait b\n";

std::string text_of(const std::vector<Line>& lines) { return Trace{"", lines, false}.print(); }

std::vector<std::string> events_of(const std::vector<Line>& lines) {
    std::vector<std::string> out;
    for (const auto& line : lines)
        if (const auto* event = std::get_if<Event>(&line.body)) out.push_back(print(*event));
    return out;
}

TEST(Play, TheSameSeedIsTheSameTraceByteForByte) {
    std::set<std::string> traces;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const auto once = text_of(played(kRace, default_config(), seed));
        EXPECT_EQ(text_of(played(kRace, default_config(), seed)), once);
        traces.insert(once);
    }
    EXPECT_GT(traces.size(), 5U) << "the seed makes no difference";
}

// Written down once: what a change of the scheduler or of the order of micro-steps would break silently.
TEST(Play, TheTraceIsTheSameOnEveryMachine) {
    EXPECT_EQ(text_of(played("ioas one\n")),
              "kernel \"simulated\"\niommu \"sim\"\nfeature \"iommufd\"\nfeature \"hwpt\"\nfeature \"map-file\"\nfeature \"huge-buffers\"\n"
              "feature \"kernel-log\"\nfeature \"reset\"\nfeature \"every-fault\"\n"
              "feature \"witness\"\nfeature \"reserved-at-0xfee00000\"\n"
              "device a 0000:00:08.0 1d1d:51e1 group 2 engine sim\n"
              "device b 0000:00:08.1 1d1d:51e1 group 2 engine sim\n"
              "device c 0000:00:09.0 1d1d:51e1 group 3 engine sim\n"
              "reserved 2 0xfee00000+1M\nreserved 3 0xfee00000+1M\nstaging 0x70000000+32K\n"
              "@1020 @1090 ioas one => ok\nend 1\n");
}

TEST(Play, AReplaceTearsADmaInSomeHistories) {
    std::set<std::string> landings;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) landings.insert(last(kRace, default_config(), seed));
    EXPECT_TRUE(landings.contains("done seq 1 lands p"));
    EXPECT_TRUE(landings.contains("done seq 1 lands p[0x0+2K] q[0x800+2K]"));
    EXPECT_TRUE(landings.contains("error seq 1 lands p[0x0+2K] nowhere+2K"));
}

// A DMA that a device sends to the next page without asking is in nobody's memory behind a buffer's last.
TEST(Play, WhatIsNobodysHoldsWhatDmaLeftThere) {
    const std::string text = "ioas one\nbuffer p 4K\nmap one 0x200000 p rw\nattach a one\n";
    const auto config = with_fault(Fault::dma_guesses_next_page);
    const auto once = text + "dma a write 0x200800+4K\n";
    const auto strays = [&](const std::string& steps) {
        auto events = events_of(played(steps, config));
        std::erase_if(events, [](const std::string& e) { return !e.starts_with("! stray guest"); });
        return events;
    };
    EXPECT_THAT(strays(text + "dma a write 0x200000+4K\ndma a write 0x70000fc0+128\nwitness\n"), testing::IsEmpty())
        << "the rings are the lab's, though nobody looks at them";
    EXPECT_THAT(strays(once), testing::ElementsAre(testing::EndsWith("+2K seq 1 \"nobody's\"")));
    EXPECT_THAT(strays(once + "witness\n"), testing::SizeIs(1)) << "told once";
    const auto twice = strays(once + "witness\ndma a write 0x200800+4K\n");
    ASSERT_THAT(twice, testing::SizeIs(2));
    EXPECT_THAT(twice[1], testing::EndsWith("+2K seq 2 \"nobody's\"")) << "the second is where the first was";
}

TEST(Play, BehindABridgeFaultsCarryTheAlias) {
    const std::string text = kPair + "dma b write 0x300000+64\n";
    EXPECT_THAT(events_of(played(text)),
                testing::ElementsAre("! fault 0000:00:08.1 write 0x300000 reason 0x5"));
    EXPECT_THAT(events_of(played(text, bridge_config())),
                testing::ElementsAre("! fault 0000:02:00.0 write 0x300000 reason 0x5"));
}

TEST(Play, MembersBehindABridgeShareOneContextEntry) {
    const std::string text = kPair + "dma b write 0x200000+64\nreplace a g\ndma b write 0x200000+64\n";
    EXPECT_EQ(last(text, bridge_config()), "done seq 2 lands q[0x0+64]");
    // Its own id is flushed, which none of its requests carries.
    EXPECT_EQ(last(text, with_fault(Fault::replace_alias_cached, bridge_config())),
              "done seq 2 lands p[0x0+64]");
    EXPECT_EQ(last(text, with_fault(Fault::replace_alias_cached)), "done seq 2 lands q[0x0+64]");
}

TEST(Play, WhatCannotBeCarriedOutEndsTheRun) {
    const auto lines =
        outcomes_of(played("buffer p 4K\nioas one\nattach a one\nclose a\n"
                           "dma a write 0x200000+64\nioas two\n"));
    ASSERT_EQ(lines.size(), 5U) << "the step behind it was not to run";
    EXPECT_THAT(lines.back(), testing::HasSubstr("a is not open"));
    EXPECT_THAT(last("buffer p 4K\nioas one\nattach a one\ndma a write 0x200000+1M\n"),
                testing::HasSubstr("65536"));
}

TEST(Play, AResetEndsTheDmaUnderWay) {
    const std::string text = kPair + "start a write 0x200000+64\nreset a\nwait a\ndma a write 0x200000+64\n";
    std::set<std::string> waits;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        const auto outcomes = outcomes_of(played(text, default_config(), seed));
        EXPECT_THAT(outcomes.back(), testing::EndsWith("lands p[0x0+64]"));
        waits.insert(outcomes[outcomes.size() - 2]);
    }
    EXPECT_TRUE(waits.contains("timeout nowhere")) << "killed before its first request";
    EXPECT_TRUE(waits.contains("timeout seq 1 nowhere")) << "killed on its way";
}

}  // namespace
}  // namespace landfall::sim
