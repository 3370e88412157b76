#include "rig/observation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "landfall/error.hpp"
#include "os/files.hpp"
#include "rig/environment_test.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

TEST(TapRequest, ReadsBackWhateverTheWordsAre) {
    const TapRequest request{
        1500ms, {"a=0000:00:08.0", "b=0000:00:08.1"}, {"/opt/my program", "", "--x=\"1\" # \\", "\xff\n"}};
    EXPECT_EQ(parse_request(print(request)), request);
    EXPECT_EQ(print(request).find('\n'), std::string::npos);
}

TEST(TapRequest, WithoutAProgramIsNone) {
    EXPECT_THROW(std::ignore = parse_request("tap 1 a=0000:00:08.0"), TextError);
    EXPECT_THROW(std::ignore = parse_request("tap soon \"x\""), TextError);
}

TEST(ObservedEnd, ReadsBack) {
    using How = ObservedEnd::How;
    for (const ObservedEnd end :
         {ObservedEnd{How::exited, 0}, {How::exited, 4}, {How::killed, SIGSEGV}, {How::stopped, 0}})
        EXPECT_EQ(parse_end(print(end)), end);
    EXPECT_EQ((ObservedEnd{How::killed, SIGSEGV}.str()), "killed SIGSEGV");
    EXPECT_EQ(parse_end("program"), std::nullopt);
    EXPECT_EQ(parse_end("program exited"), std::nullopt);
    EXPECT_EQ(parse_end("program exited x"), std::nullopt);
    EXPECT_EQ(parse_end("@1 @2 open a => ok"), std::nullopt);
}

// A shell script stands in for `landfall tap`.
class ObserveLocallyTest : public testing::Test {
  protected:
    ObserveLocallyTest() {
        fs::create_directories(dir_);
        file_.name = "here";
        file_.kind = RigFile::Kind::local;
        file_.functions = {{"a", *Bdf::parse("0000:03:00.0"), ""}, {"b", *Bdf::parse("0000:03:00.1"), ""}};
    }
    ~ObserveLocallyTest() override { fs::remove_all(dir_); }
    Observation run(const std::string& script) {
        std::ofstream(program_) << "#!/bin/sh\n" << script;
        fs::permissions(program_, fs::perms::owner_all);
        return observe(file_, {}, {{"true", "--use={b}", "-x"}, {}, 1500ms, {}});
    }

    fs::path dir_ = fs::path(testing::TempDir()) / ("observe-test-" + std::to_string(getpid()));
    fs::path program_ = dir_ / "landfall";
    ScopedVariable variable_{"LANDFALL_PROGRAM", program_};
    RigFile file_;
};

TEST_F(ObserveLocallyTest, TwoTracesAndAnEndComeOverOneWire) {
    const auto seen = run("echo \"$*\" > " + (dir_ / "diary").string() + R"(
echo 'kernel "7.3.4"'
echo 'type1: kernel "7.3.4"'
echo '@1 @2 ioas ioas1 bare => ok'
echo '# not judged: IOMMU_GET_HW_INFO => ok'
echo 'type1: @3 @4 ioas container1 bare => ok'
echo 'end 1'
echo 'type1: end 1'
echo 'program exited 0'
)");
    EXPECT_EQ(seen.trace.print(),
              "rig \"here\"\nkernel \"7.3.4\"\n@1 @2 ioas ioas1 bare => ok\n"
              "# not judged: IOMMU_GET_HW_INFO => ok\nend 1\n");
    EXPECT_EQ(seen.type1.print(),
              "rig \"here\"\nkernel \"7.3.4\"\n@3 @4 ioas container1 bare => ok\nend 1\n");
    ASSERT_TRUE(seen.end.has_value());
    EXPECT_TRUE(seen.end->well());
    EXPECT_THAT(
        read_file(dir_ / "diary"),
        testing::MatchesRegex("tap --limit 1500 --device a=0000:03:00.0 --device b=0000:03:00.1 -- .*/true "
                              "--use=0000:03:00.1 -x\n"));
}

TEST_F(ObserveLocallyTest, WhatCannotBeObservedIsTheLabsTrouble) {
    EXPECT_THROW(std::ignore = run("echo '@0 ! lab \"no such function\"'\nexit 3\n"), LabError);
    EXPECT_THROW(std::ignore = run("exit 3\n"), RigDied);
}

TEST_F(ObserveLocallyTest, ATapThatIsLostLeavesWhatItSaw) {
    for (const char* end : {"exit 3\n", "echo nonsense\n"}) {
        const auto seen = run(std::string("echo '@1 @2 ioas ioas1 bare => ok'\n") + end);
        EXPECT_FALSE(seen.end.has_value());
        ASSERT_EQ(seen.trace.lines.size(), 3U);
        ASSERT_NE(seen.trace.lines.back().event(), nullptr);
        EXPECT_TRUE(std::holds_alternative<LabEvent>(*seen.trace.lines.back().event()));
    }
}

TEST(Observe, ASimulatedRigHasNoKernelToCall) {
    EXPECT_THROW(std::ignore = observe(load_rig("sim"), {}, {{"true"}, {}, 1s, {}}), LabError);
}

TEST(Observe, VirtualFunctionsStartNoMachine) {
    try {
        std::ignore = observe(load_rig("igb-vf-pair-vtd"), {}, {{"true"}, {}, 1s, {}});
        FAIL();
    } catch (const LabError& e) {
        EXPECT_STREQ(e.what(),
                     "rig igb-vf-pair-vtd has virtual functions, whose physical function the program would need");
    }
}

TEST(Observe, AProgramThatIsNotThereStartsNoMachine) {
    EXPECT_THROW(std::ignore = observe(load_rig("edu-pair-vtd"), {}, {{"./no-such-program"}, {}, 1s, {}}),
                 LabError);
}

}  // namespace
}  // namespace landfall
