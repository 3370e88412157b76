#include "os/command.hpp"

#include <gmock/gmock.h>

#include "landfall/error.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

TEST(Command, ReturnsStatusAndOutputOfBothStreams) {
    const CommandResult r = run_command({"sh", "-c", "echo out; echo err >&2; exit 3"});
    EXPECT_EQ(r.status, 3);
    EXPECT_FALSE(r.ok());
    EXPECT_EQ(r.output, "out\nerr\n");
}

TEST(Command, PassesArgumentsUnchanged) {
    EXPECT_EQ(run_command({"printf", "%s|", "a b", "$HOME", ""}).output, "a b|$HOME||");
}

TEST(Command, HandsOutLinesAndTheUnfinishedLast) {
    std::vector<std::string> lines;
    CommandOptions options;
    options.on_line = [&](std::string_view line) { lines.emplace_back(line); };
    EXPECT_TRUE(run_command({"printf", "one\n\ntwo"}, options).ok());
    EXPECT_THAT(lines, ElementsAre("one", "", "two"));
}

TEST(Command, SetsDirectoryAndEnvironment) {
    CommandOptions options;
    options.directory = "/";
    options.environment = {{"LANDFALL_TEST", "here"}};
    EXPECT_EQ(run_command({"sh", "-c", "pwd; echo $LANDFALL_TEST"}, options).output, "/\nhere\n");
}

TEST(Command, KillsTheWholeFamilyAtTheLimit) {
    CommandOptions options;
    options.limit = milliseconds(200);
    const CommandResult r = run_command({"sh", "-c", "sleep 1000 & sleep 1000"}, options);
    EXPECT_TRUE(r.timed_out);
    EXPECT_EQ(r.status, 128 + 9);
}

TEST(Command, LimitsAlsoWhatClosedItsOutput) {
    CommandOptions options;
    options.limit = milliseconds(200);
    EXPECT_TRUE(run_command({"sh", "-c", "exec >&- 2>&-; sleep 1000"}, options).timed_out);
}

TEST(Command, NamesTheSignalThatEndedIt) {
    EXPECT_EQ(run_command({"sh", "-c", "kill -TERM $$"}).status, 128 + 15);
}

TEST(Command, CannotStart) {
    EXPECT_THROW((void)run_command({"no-such-program-anywhere"}), LabError);
    CommandOptions options;
    options.directory = "/no/such/directory";
    EXPECT_THROW((void)run_command({"true"}, options), LabError);
}

TEST(Command, ReadsNothingFromOurStdin) { EXPECT_EQ(run_command({"cat"}).output, ""); }

}  // namespace
}  // namespace landfall
