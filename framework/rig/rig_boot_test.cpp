// Real guests, from their start to their end.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>

#include "landfall/report.hpp"
#include "landfall/scenario.hpp"
#include "rig/guest_test.hpp"
#include "rig/scenario_run.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

using RigBootTest = GuestTest;

TEST_F(RigBootTest, AGuestAnswersIsFitAndLeavesNothing) {
    {
        const auto rig = start_rig(load_rig("edu-mixed-vtd"), test_options());
        EXPECT_EQ(machines_of(getpid()).size(), 1U);
        EXPECT_THAT(check_rig(*rig), testing::IsEmpty());
        EXPECT_THAT(rig->console(), HasSubstr("Linux version"));
    }
    EXPECT_THAT(machines_of(getpid()), testing::IsEmpty());
}

// Of what a container's kernel does and an IOAS's does not, so that nobody else can have answered.
TEST_F(RigBootTest, ContainersAreDrivenWhereThatIsAskedFor) {
    auto options = test_options();
    options.api = Api::type1;
    const auto rig = start_rig(load_rig("edu-pair-vtd"), options);
    EXPECT_THAT(check_rig(*rig), testing::IsEmpty());
    const auto run = run_scenario(*rig, Scenario::parse("require feature type1\nbuffer p 8K\nioas one\nioas two\n"
                                                        "map one 0x200000 p rw\nattach a one => ok\nattach b two => EINVAL\n"
                                                        "dma b write 0x200000+64 => lands p\n"
                                                        "unmap one 0x200000+4K => EINVAL\nunmap one 0x300000+4K => ok 0x0\n"
                                                        "detach a => ok\nattach b one => ok\nview a => sees one\n"
                                                        "dma a write 0x200000+64 => nowhere\n",
                                                        "<test>"));
    EXPECT_EQ(run.verdict.kind, Verdict::Kind::pass) << summary(run.verdict) << "\n" << run.trace.print();
    const auto replace = run_scenario(*rig, Scenario::parse("ioas one\nattach a one\nreplace a one\n", "<test>"));
    EXPECT_EQ(replace.verdict.kind, Verdict::Kind::unmet);
    EXPECT_EQ(replace.verdict.reason, "VFIO containers have no replace");
}

// An IOAS answers, and a container is asked.
TEST_F(RigBootTest, AnIommufdStandsForAContainerWhereThatIsAskedFor) {
    auto options = test_options();
    options.api = Api::compat;
    const auto rig = start_rig(load_rig("edu-pair-vtd"), options);
    EXPECT_THAT(check_rig(*rig), testing::IsEmpty());
    const auto run = run_scenario(*rig, Scenario::parse("require feature compat\nbuffer p 8K\nioas one\nioas two\n"
                                                        "map one 0x200000 p rw\nattach a one => ok\nattach b two => EINVAL\n"
                                                        "dma b write 0x200000+64 => lands p\n"
                                                        "unmap one 0x200000+4K => ENOENT\nunmap one 0x300000+4K => ok 0x0\n"
                                                        "detach a => ok\nattach b one => ok\n"
                                                        "dma a write 0x200000+64 => lands p\n",
                                                        "<test>"));
    EXPECT_EQ(run.verdict.kind, Verdict::Kind::pass) << summary(run.verdict) << "\n" << run.trace.print();
}

TEST_F(RigBootTest, AKernelAsDebianShipsItHasContainersAndNoIommufd) {
    auto options = test_options();
    options.kernel = "debian-6.1";
    if (!cached_kernel(load_kernel_definition(options.kernel))) GTEST_SKIP() << options.kernel << " is not in the cache";
    const auto rig = start_rig(load_rig("edu-pair-vtd"), options);
    EXPECT_THAT(check_rig(*rig), testing::IsEmpty());
    const auto run = run_scenario(*rig, Scenario::parse("require feature type1\nbuffer p 4K\nioas one\n"
                                                        "map one 0x200000 p rw\nattach a one => ok\n"
                                                        "dma b write 0x200000+64 => lands p\n"
                                                        "dma b write 0x300000+64 => nowhere\nsleep 100ms\n"
                                                        "unmap one 0x200000+4K => ok 0x1000\n"
                                                        "dma b write 0x200000+64 => nowhere\n",
                                                        "<test>"));
    EXPECT_EQ(run.verdict.kind, Verdict::Kind::pass) << summary(run.verdict) << "\n" << run.trace.print();
    EXPECT_GE(run.verdict.faults, 1U) << "what its IOMMU says is not understood";
    options.api = Api::iommufd;
    const auto other = start_rig(load_rig("edu-pair-vtd"), options);
    EXPECT_THROW(std::ignore = other->session({}), LabError) << "there is no /dev/iommu";
}

/// Why no machine of that rig can be started here; empty if one can.
std::string lacking_for(const RigFile& file) {
    try {
        std::ignore = find_qemu(arch_of(file));
        std::ignore = guest_program(arch_of(file));
    } catch (const LabError& e) {
        return fmt::format("{}: {}", e.what(), e.hint());
    }
    return cached_kernel(load_kernel_definition(file.kernel)) ? "" : "the kernel of " + file.name + " is not built";
}

// A machine of another architecture, which nobody needs to have (decisions/0015).
TEST_F(RigBootTest, AnSmmuv3TranslatesAndSaysWhatItBlocks) {
    const auto file = load_rig("edu-pair-smmuv3");
    if (const auto missing = lacking_for(file); !missing.empty()) GTEST_SKIP() << missing;
    const auto rig = start_rig(file, {});
    EXPECT_THAT(check_rig(*rig), testing::IsEmpty());
    const auto run = run_scenario(*rig, Scenario::parse("require feature reserved-at-0x8000000\nbuffer p 4K\nbuffer q 4K\n"
                                                        "ioas one\nioas two\nmap one 0x200000 p rw\nmap two 0x200000 q rw\n"
                                                        "attach a one => ok\nattach b one => ok\nreplace a two => ok\n"
                                                        "dma b write 0x200000+64 => lands q\nwitness => ok\n"
                                                        "sleep 5200ms\ndma b write 0x300000+64 => nowhere\nsleep 100ms\n",
                                                        "<test>"));
    EXPECT_EQ(run.verdict.kind, Verdict::Kind::pass) << summary(run.verdict) << "\n" << run.trace.print();
    EXPECT_GE(run.verdict.faults, 1U) << "what its IOMMU says is not understood";
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

TEST_F(RigBootTest, AQemuThatCrashesIsNamed) {
    const auto rig = start_rig(load_rig("edu-pair-vtd"), test_options());
    const auto machines = machines_of(getpid());
    ASSERT_EQ(machines.size(), 1U);
    ASSERT_EQ(kill(machines[0], SIGSEGV), 0);
    try {
        std::ignore = rig->session({});
        FAIL();
    } catch (const RigDied& e) {
        EXPECT_FALSE(e.kernel_died());
        EXPECT_THAT(e.what(), testing::AllOf(HasSubstr("the rig closed its channel"), HasSubstr("QEMU was ended by signal 11")));
    }
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

// At several moments: just started, machine on its way, guest booting, guest up; once there is a snapshot also restored.
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
