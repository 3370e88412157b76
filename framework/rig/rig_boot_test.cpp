// Real guests. Where there is no QEMU or no kernel these tests are skipped, unless LANDFALL_REQUIRE_RIG=1.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "os/deadline.hpp"
#include "os/files.hpp"
#include "rig/kernel_definition.hpp"
#include "rig/kernel_store.hpp"
#include "rig/paths.hpp"
#include "rig/qemu_rig.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::HasSubstr;

/// Why no guest can be started here; empty if one can. LANDFALL_TEST_KERNEL names a kernel in place of the
/// rigs' own.
std::string lacking() {
    if (find_program("qemu-system-x86_64").empty()) return "no qemu-system-x86_64";
    try {
        std::ignore = landfall_program();
    } catch (const LabError& e) {
        return e.what();
    }
    if (std::getenv("LANDFALL_TEST_KERNEL") == nullptr &&
        !cached_kernel(load_kernel_definition(load_rig("edu-pair-vtd").kernel))) {
        return "the kernel of edu-pair-vtd is not built";
    }
    return {};
}

RigOptions test_options() {
    RigOptions options;
    if (const char* kernel = std::getenv("LANDFALL_TEST_KERNEL"); kernel != nullptr) options.kernel = kernel;
    return options;
}

class RigBootTest : public testing::Test {
  protected:
    void SetUp() override {
        const std::string missing = lacking();
        if (missing.empty()) return;
        const char* required = std::getenv("LANDFALL_REQUIRE_RIG");
        if (required != nullptr && std::string(required) == "1") FAIL() << missing;
        GTEST_SKIP() << missing;
    }
};

/// Processes of the machines that process `owner` started, running or not yet waited for.
std::vector<pid_t> machines_of(pid_t owner) {
    std::vector<pid_t> out;
    const std::string marker = "landfall-" + std::to_string(owner) + "-";
    for (const auto& entry : fs::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        if (read_file(entry.path() / "cmdline").find(marker) != std::string::npos)
            out.push_back(std::stoi(name));
    }
    return out;
}

bool comes_true(const std::function<bool()>& condition) {
    for (const Deadline deadline(std::chrono::seconds(30)); !condition();
         std::this_thread::sleep_for(milliseconds(10))) {
        if (deadline.passed()) return false;
    }
    return true;
}

TEST_F(RigBootTest, AGuestAnswersIsFitAndLeavesNothing) {
    {
        const auto rig = start_rig(load_rig("edu-mixed-vtd"), test_options());
        EXPECT_EQ(machines_of(getpid()).size(), 1U);
        EXPECT_THAT(check_rig(*rig), testing::IsEmpty());
        EXPECT_THAT(rig->console(), HasSubstr("Linux version"));
    }
    EXPECT_THAT(machines_of(getpid()), testing::IsEmpty());
}

TEST_F(RigBootTest, WrongGroupsAreToldApart) {
    RigFile file = load_rig("edu-mixed-vtd");
    file.groups = {{"a"}, {"b", "c"}};
    const auto rig = start_rig(file, test_options());
    EXPECT_THAT(check_rig(*rig), testing::ElementsAre(HasSubstr("b and c should share a group"),
                                                      HasSubstr("a and b should be in different groups")));
}

TEST_F(RigBootTest, AKernelPanicEndsTheStepAndIsQuoted) {
    const auto rig = start_qemu_rig(load_rig("edu-pair-vtd"), test_options());
    const Fd out(open("/dev/null", O_WRONLY | O_CLOEXEC));
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const Fd in(ends[0]), typed(ends[1]);
    constexpr std::string_view kCrash = "echo c > /proc/sysrq-trigger\n";
    ASSERT_EQ(write(typed.get(), kCrash.data(), kCrash.size()), static_cast<ssize_t>(kCrash.size()));
    try {
        std::ignore = rig->shell(in.get(), out.get());
        FAIL() << "the guest survived";
    } catch (const RigDied& e) {
        EXPECT_TRUE(e.kernel_died());
        EXPECT_THAT(e.console(), HasSubstr("Kernel panic - not syncing"));
    }
    EXPECT_THROW(std::ignore = rig->session({}), LabError);
}

TEST_F(RigBootTest, AKernelThatCannotStartItsProgramIsReportedWithItsConsole) {
    RigOptions options = test_options();
    options.kernel_args = "rdinit=/nothing";
    try {
        std::ignore = start_rig(load_rig("edu-pair-vtd"), options);
        FAIL();
    } catch (const LabError& e) {
        EXPECT_THAT(e.what(), testing::AllOf(HasSubstr("did not boot"), HasSubstr("Kernel panic"),
                                             HasSubstr("--- last lines of its console ---")));
    }
    EXPECT_THAT(machines_of(getpid()), testing::IsEmpty());
}

TEST_F(RigBootTest, QemusOwnComplaintIsQuoted) {
    RigFile file = load_rig("edu-pair-vtd");
    file.qemu_args.insert(file.qemu_args.end(), {"-device", "no-such-device"});
    try {
        std::ignore = start_rig(file, test_options());
        FAIL();
    } catch (const LabError& e) {
        EXPECT_THAT(e.what(), HasSubstr("'no-such-device' is not a valid device model name"));
    }
}

/// A process that starts a rig, says so, and goes on until it is killed.
pid_t fork_owner() {
    const pid_t owner = fork();
    if (owner != 0) return owner;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
        const auto rig = start_rig(load_rig("edu-pair-vtd"), test_options());
        for (;;) pause();
    } catch (const std::exception&) {
        _exit(1);
    }
}

// At several moments: just started, machine on its way, guest booting, guest up.
TEST_F(RigBootTest, NothingOutlivesAnOwnerThatIsKilled) {
    for (const int how : {SIGKILL, SIGINT, SIGHUP}) {
        for (const milliseconds moment :
             {milliseconds(1), milliseconds(50), milliseconds(400), milliseconds(2000)}) {
            const pid_t owner = fork_owner();
            std::this_thread::sleep_for(moment);
            ASSERT_EQ(kill(owner, how), 0);
            ASSERT_EQ(waitpid(owner, nullptr, 0), owner);
            EXPECT_TRUE(comes_true([owner] { return machines_of(owner).empty(); }))
                << moment.count() << " ms";
        }
    }
}

}  // namespace
}  // namespace landfall
