#include "rig/record_replay.hpp"

#include "landfall/report.hpp"
#include "landfall/scenario.hpp"
#include "rig/complaint_test.hpp"
#include "rig/guest_test.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using Files = RecordingFiles;

std::string difference(const std::string& recorded, const std::string& replayed) {
    return first_difference(Trace::parse(recorded), Trace::parse(replayed));
}

TEST(RecordReplay, TracesAreComparedLineByLineTimesIncluded) {
    const std::string trace = "rig \"r\"\n@1 @2 ioas one => ok\n@3 @4 ioas two => ok\n";
    EXPECT_EQ(difference(trace, trace), "");
    EXPECT_THAT(difference(trace, "rig \"r\"\n@1 @2 ioas one => ok\n@3 @5 ioas two => ok\n"),
                AllOf(HasSubstr("line 3 was   @3 @4 ioas two"), HasSubstr("is now   @3 @5 ioas two")));
    EXPECT_THAT(difference(trace, "rig \"r\"\n@1 @2 ioas one => ok\n"), HasSubstr("is now   (its end)"));
    EXPECT_THAT(difference("rig \"r\"\n", trace), HasSubstr("line 2 was   (its end)"));
}

TEST(RecordReplay, HowAMachineWasLostAtTheEndIsNotCompared) {
    EXPECT_EQ(difference("rig \"r\"\n@3 @3 ! lab \"too slow\"\n", "rig \"r\"\n@3 @3 ! lab \"closed\"\n"), "");
    EXPECT_NE(difference("rig \"r\"\n@3 @3 ! lab \"too slow\"\n", "rig \"r\"\n@3 @3 ! kernel \"closed\"\n"), "");
    EXPECT_NE(difference("rig \"r\"\n@3 @3 ! lab \"too slow\"\n", "rig \"r\"\n"), "");
    EXPECT_NE(difference("rig \"r\"\n@3 @3 ! lab \"x\"\n@3 @3 ! lab \"x\"\n", "rig \"r\"\n@3 @3 ! lab \"y\"\n@3 @3 ! lab \"x\"\n"), "");
}

TEST(RecordReplay, RigsThatQemuDoesNotRecordAreRefused) {
    EXPECT_NO_THROW(expect_recordable(load_rig("edu-pair-vtd")));
    const auto refusal = [](const std::string& rig) { return complaint<LabError>([&] { expect_recordable(load_rig(rig)); }); };
    EXPECT_THAT(refusal("sim"), HasSubstr("is not of kind qemu"));
    EXPECT_THAT(refusal("nvme-pair-vtd"), HasSubstr("nvme"));
    EXPECT_THAT(refusal("igb-pair-vtd-smp"), HasSubstr("2 processors"));
}

class RecordReplayTest : public GuestTest {
  protected:
    RecordReplayTest() { fs::remove_all(top_); }
    ~RecordReplayTest() override { fs::remove_all(top_); }

    [[nodiscard]] RunResult record(const std::string& scenario) const {
        NewRecording recording(top_);
        return record_run(load_rig("edu-pair-vtd"), Scenario::parse(scenario, "<test>"), test_options(), {}, recording);
    }
    [[nodiscard]] std::string refusal() const {
        try {
            std::ignore = replay_run(Recording(top_), {});
        } catch (const LabError& e) {
            return e.what();
        }
        return "none";
    }
    void edit(const std::string& from, const std::string& to) const {
        auto text = read_file(top_ / Files::kManifest);
        ASSERT_NE(text.find(from), std::string::npos) << from;
        write_file(top_ / Files::kManifest, text.replace(text.find(from), from.size(), to));
    }

    fs::path top_ = fs::path(testing::TempDir()) / ("record-replay-test-" + std::to_string(getpid()));
};

// One test for all that needs a recording, which takes longer than everything else here.
TEST_F(RecordReplayTest, ARunIsReplayedLineForLineOrNotAtAll) {
    // Wrong on purpose: what fails must fail again.
    const auto recorded = record("buffer p 8K\nioas one\nmap one 0x200000 p rw\nattach a one\ndma a write 0x200000+64 => lands p\n"
                                 "witness\nsleep 50ms\ndma a write 0x300000+64 => nowhere\ndma a write 0x201000+64 => nowhere\n");
    EXPECT_EQ(recorded.verdict.kind, Verdict::Kind::violation) << summary(recorded.verdict) << "\n" << recorded.trace.print();
    EXPECT_THAT(machines_of(getpid()), testing::IsEmpty());
    ASSERT_EQ(Recording(top_).manifest().searches.size(), 2U) << "one that was asked for, one at the end";

    const auto again = replay_run(Recording(top_), {});
    EXPECT_EQ(again.difference, "");
    EXPECT_EQ(again.run.trace.print(), recorded.trace.print());
    EXPECT_EQ(summary(again.run.verdict), summary(recorded.verdict));
    EXPECT_THAT(machines_of(getpid()), testing::IsEmpty());

    const auto manifest = read_file(top_ / Files::kManifest);
    edit(Recording(top_).manifest().emulator, "1.2.3 Other");
    EXPECT_THAT(refusal(), HasSubstr("it was recorded with QEMU 1.2.3 Other, and this is"));
    write_file(top_ / Files::kManifest, manifest);
    edit("intremap=on", "intremap=off");
    EXPECT_THAT(refusal(), AllOf(HasSubstr("this landfall starts another machine"), HasSubstr("intremap=off")));
    EXPECT_THAT(machines_of(getpid()), testing::IsEmpty());
}

}  // namespace
}  // namespace landfall
