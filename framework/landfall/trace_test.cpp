#include "landfall/trace.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace landfall {
namespace {

const std::string kScenario =
    "# a title\n"
    "\n"
    "buffer p1 4K\n"
    "ioas one\n"
    "map one 0x200000 p1 rw => ok\n"
    "attach a one # first\n"
    "dma a write 0x200000+64 => lands p1\n"
    "pump a write 0x200000+64\n"
    "halt a\n";

const std::string kTrace =
    "landfall \"1\"\n"
    "kernel \"7.3.4\"\n"
    "device a 0000:00:08.0 1234:11e8 group 2 engine edu\n"
    "staging 0x70000000+1M\n"
    "# a title\n"
    "\n"
    "@100 @110 buffer p1 4K => ok\n"
    "@120 @130 ioas one => ok\n"
    "@140 @150 map one 0x200000 p1 rw => ok => ok\n"
    "@160 @170 attach a one => ok # first\n"
    "@180 ! fault 0000:00:08.0 write 0x200000 reason 0x5\n"
    "@175 @190 dma a write 0x200000+64 => lands p1 => error seq 1 nowhere\n"
    "@200 @210 pump a write 0x200000+64 => ok\n"
    "@220 @230 ! dma a write 0x200000+64 => done seq 2 lands p1[0x0+64]\n"
    "@240 @250 halt a => ok 0x1\n"
    "end 7\n";

TEST(Trace, ReadsAndPrintsByteIdentical) {
    const auto trace = Trace::parse(kTrace, "t");
    EXPECT_FALSE(trace.cut);
    EXPECT_EQ(trace.print(), kTrace);
    EXPECT_EQ(trace.lines.back().number, 16U);
}

TEST(Trace, IsItsScenarioAgain) {
    EXPECT_EQ(Trace::parse(kTrace).scenario().print(), kScenario);
    EXPECT_EQ(Trace::parse(kTrace).scenario().lines, Scenario::parse(kScenario).lines);
}

TEST(Trace, ReadAsAScenarioIsTheScenarioAgain) {
    EXPECT_EQ(Scenario::parse(kTrace).print(), kScenario);
    EXPECT_EQ(Scenario::parse(kTrace).lines, Scenario::parse(kScenario).lines);
}

TEST(Trace, ANoteBehindAFactOrAnEventIsKept) {
    EXPECT_EQ(Scenario::parse("rig \"x\" # borrowed\n@5 ! stray p1 # look here\n").print(),
              "# borrowed\n# look here\n");
}

TEST(Trace, CutInsideALineKeepsWhatIsWhole) {
    for (std::size_t n = 0; n <= kTrace.size(); ++n) {
        const auto part = kTrace.substr(0, n);
        const auto trace = Trace::parse(part);
        EXPECT_EQ(trace.cut, n != 0 && part.back() != '\n');
        EXPECT_EQ(trace.print(), part.substr(0, part.rfind('\n') + 1));
    }
}

TEST(Trace, CutInsideACharacterIsCut) {
    for (const std::string whole : {"# \u00e9", "# \u0a0b", "# \ud7ff", "# \U00010000", "# \U0010ffff"})
        for (std::size_t n = 3; n <= whole.size(); ++n) {
            const auto trace = Trace::parse("end 0\n" + whole.substr(0, n));
            EXPECT_TRUE(trace.cut);
            EXPECT_EQ(trace.print(), "end 0\n");
        }
    for (const std::string broken : {"# \xc3x", "# \xe0\x80", "# \xf4\x90", "# \xff", "# \x80"})
        EXPECT_THROW((void)Trace::parse("end 0\n" + broken), TextError) << broken;
    EXPECT_THROW((void)Trace::parse("# \xc3\n"), TextError);
}

TEST(Trace, MistakesAreNamedWhereTheyAre) {
    try {
        (void)Trace::parse("rig \"x\"\n@1 @2 detach a\n", "t.trace");
        FAIL();
    } catch (const TextError& e) {
        EXPECT_EQ(e.where().file, "t.trace");
        EXPECT_EQ(e.where().line, 2U);
        EXPECT_EQ(e.where().column, 15U);
    }
}

TEST(Trace, StreamsAFileLineByLine) {
    const auto path = std::filesystem::temp_directory_path() / ("landfall-trace-test." + std::to_string(::getpid()));
    std::ofstream(path) << kTrace << "@300 @3";
    std::string seen;
    const bool cut = read_trace(path.string(), [&](const Line& line) { seen += print(line) + "\n"; });
    const auto whole = Trace::read(path.string());
    std::filesystem::remove(path);
    EXPECT_TRUE(cut);
    EXPECT_EQ(seen, kTrace);
    EXPECT_TRUE(whole.cut);
    EXPECT_EQ(whole.print(), kTrace);
    EXPECT_THROW((void)Trace::read("/"), TextError);
}

}  // namespace
}  // namespace landfall
