// Real guests that go on from a snapshot.
#include <fcntl.h>
#include <sys/wait.h>

#include "rig/guest_test.hpp"
#include "rig/rig_keeper.hpp"
#include "rig/scenario_run.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class RestoreTest : public GuestTest {
  protected:
    RestoreTest() {
        options_.log = [this](const std::string& text) { log_.push_back(text); };
    }
    /// Starts a rig; what it logged is in log_.
    std::unique_ptr<Rig> start(const std::string& rig = "edu-pair-vtd") {
        log_.clear();
        return start_rig(load_rig(rig), options_);
    }
    /// The one snapshot there is.
    [[nodiscard]] fs::path snapshot() const {
        for (const auto& entry : fs::directory_iterator(snapshots_))
            if (entry.path().extension().empty()) return entry.path();
        return {};
    }

    RigOptions options_ = test_options();
    std::vector<std::string> log_;
};

std::string outcome(Rig& rig, const std::string& scenario) {
    const auto result = run_scenario(rig, Scenario::read((fixtures_dir() / "scenarios" / scenario).string()), {});
    return std::string(verdict_str(result.verdict.kind)) + " " + result.verdict.reason;
}

TEST_F(RestoreTest, TheSecondStartGoesOnFromTheFirst) {
    auto rig = start();
    EXPECT_THAT(log_, ElementsAre(StartsWith("booting")));
    const auto booted = outcome(*rig, "group-replace.scn");
    EXPECT_FALSE(rig->known_fit());
    rig = start();
    EXPECT_THAT(log_, ElementsAre(StartsWith("restoring")));
    EXPECT_THAT(rig->console(), AllOf(HasSubstr("Linux version"), HasSubstr("landfall: restored")));
    EXPECT_THAT(check_rig(*rig), IsEmpty());
    EXPECT_EQ(outcome(*rig, "group-replace.scn"), booted);
    rig = start();
    EXPECT_TRUE(rig->known_fit());
    EXPECT_THAT(outcome(*rig, "nothing-elsewhere.scn"), StartsWith("pass")) << "in its first session all memory is seen as well";
    rig.reset();
    EXPECT_THAT(machines_of(getpid()), IsEmpty());
}

TEST_F(RestoreTest, WhoAsksForABootGetsOneAndNoSnapshot) {
    options_.boot = true;
    start();
    EXPECT_THAT(log_, ElementsAre(StartsWith("booting")));
    EXPECT_FALSE(fs::exists(snapshots_));
}

TEST_F(RestoreTest, ADamagedSnapshotMeansABootAndANewOne) {
    start();
    auto bytes = read_file(snapshot());
    bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]);
    write_file(snapshot(), bytes);
    start();
    EXPECT_THAT(log_, ElementsAre(StartsWith("restoring"), HasSubstr("of no use: it is damaged"), StartsWith("booting")));
    start();
    EXPECT_THAT(log_, ElementsAre(StartsWith("restoring")));
}

// Whole, but not what QEMU can go on from.
TEST_F(RestoreTest, ASnapshotQemuDoesNotTakeMeansABootAndANewOne) {
    start();
    const auto key = snapshot().filename().string();
    const Snapshot here(snapshots_, key);
    for (const char* emulator : {"same", "0.9.0 another"}) {
        auto state = MachineState::blank(512U << 20);
        ASSERT_TRUE(here.load(state));
        if (std::string(emulator) == "same") ASSERT_EQ(ftruncate(state.devices.get(), 100'000), 0);
        else state.emulator = emulator;
        here.keep(state);
        start();
        EXPECT_THAT(log_, ElementsAre(StartsWith("restoring"), HasSubstr("is of no use"), StartsWith("booting")));
    }
    start();
    EXPECT_THAT(log_, ElementsAre(StartsWith("restoring")));
}

TEST_F(RestoreTest, WhereNoSnapshotCanBeKeptTheRigIsBooted) {
    write_file(snapshots_, "no directory");
    const auto rig = start();
    EXPECT_THAT(log_, ElementsAre(StartsWith("booting"), HasSubstr("no snapshot (" + snapshots_.string())));
    EXPECT_THAT(check_rig(*rig), IsEmpty());
}

TEST_F(RestoreTest, ADeviceWithoutStateIsNamed) {
    const auto rig = start("edu-pair-amd");
    EXPECT_THAT(log_, ElementsAre(StartsWith("booting"), HasSubstr("'amd-iommu'")));
    EXPECT_THAT(check_rig(*rig), IsEmpty());
}

TEST_F(RestoreTest, ARigThatWasLostIsRestored) {
    RigKeeper keeper(load_rig("edu-pair-vtd"), options_);
    EXPECT_EQ(outcome(keeper.get(), "group-replace.scn").substr(0, 4), "pass");
    keeper.leave();
    log_.clear();
    EXPECT_EQ(outcome(keeper.get(), "group-replace.scn").substr(0, 4), "pass");
    EXPECT_THAT(log_, ElementsAre(StartsWith("restoring")));
}

TEST_F(RestoreTest, TwoAtOnceBothGetTheirs) {
    const auto child = fork();
    if (child == 0) {
        try {
            _exit(check_rig(*start()).empty() ? 0 : 1);
        } catch (const std::exception&) {
            _exit(2);
        }
    }
    EXPECT_THAT(check_rig(*start()), IsEmpty());
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    start();
    EXPECT_THAT(log_, ElementsAre(StartsWith("restoring")));
}

}  // namespace
}  // namespace landfall
