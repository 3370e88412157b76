#include "rig/observation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "landfall/error.hpp"

namespace landfall {
namespace {

using namespace std::chrono_literals;

TEST(TapRequest, ReadsBackWhateverTheWordsAre) {
    const TapRequest request{1500ms, {"a=0000:00:08.0", "b=0000:00:08.1"}, {"/opt/my program", "", "--x=\"1\" # \\", "\xff\n"}};
    EXPECT_EQ(parse_request(print(request)), request);
    EXPECT_EQ(print(request).find('\n'), std::string::npos);
}

TEST(TapRequest, WithoutAProgramIsNone) {
    EXPECT_THROW(std::ignore = parse_request("tap 1 a=0000:00:08.0"), TextError);
    EXPECT_THROW(std::ignore = parse_request("tap soon \"x\""), TextError);
}

TEST(ObservedEnd, ReadsBack) {
    using How = ObservedEnd::How;
    for (const ObservedEnd end : {ObservedEnd{How::exited, 0}, {How::exited, 4}, {How::killed, SIGSEGV}, {How::stopped, 0}})
        EXPECT_EQ(parse_end(print(end)), end);
    EXPECT_EQ((ObservedEnd{How::killed, SIGSEGV}.str()), "killed SIGSEGV");
    EXPECT_EQ(parse_end("program"), std::nullopt);
    EXPECT_EQ(parse_end("program exited"), std::nullopt);
    EXPECT_EQ(parse_end("program exited x"), std::nullopt);
    EXPECT_EQ(parse_end("@1 @2 open a => ok"), std::nullopt);
}

TEST(Observe, ASimulatedRigHasNoKernelToCall) {
    EXPECT_THROW(std::ignore = observe(load_rig("sim"), {}, {{"true"}, {}, 1s, {}}), LabError);
}

TEST(Observe, AProgramThatIsNotThereStartsNoMachine) {
    EXPECT_THROW(std::ignore = observe(load_rig("edu-pair-vtd"), {}, {{"./no-such-program"}, {}, 1s, {}}), LabError);
}

}  // namespace
}  // namespace landfall
