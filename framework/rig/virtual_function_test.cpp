// Virtual functions in real guests: made for a session, named in faults, unmade after it.
#include <fcntl.h>

#include <set>

#include "rig/guest_test.hpp"
#include "rig/scenario_run.hpp"

namespace landfall {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

using VirtualFunctionTest = GuestTest;

constexpr const char* kEnter = "cd /sys/bus/pci/devices/0000:01:00.0\n";

void type(QemuRig& rig, const std::string& lines) {
    const Fd out(open("/dev/null", O_WRONLY | O_CLOEXEC));
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const Fd in(ends[0]);
    {
        const Fd typed(ends[1]);
        ASSERT_EQ(write(typed.get(), lines.data(), lines.size()), static_cast<ssize_t>(lines.size()));
    }
    EXPECT_EQ(rig.shell(in.get(), out.get()), 0);
}

/// A line of the kernel's log, by /dev/kmsg: what a shell has written to its terminal is thrown away if it ends too early.
bool says(QemuRig& rig, const std::string& line) {
    return comes_true([&] { return rig.console().find("] " + line + "\n") != std::string::npos; });
}

Scenario shipped(const char* name) { return Scenario::read((fixtures_dir() / "scenarios" / name).string()); }

std::vector<DeviceFact> devices_of(const Trace& trace) {
    std::vector<DeviceFact> out;
    for (const auto& line : trace.lines)
        if (line.fact() != nullptr)
            if (const auto* d = std::get_if<DeviceFact>(line.fact())) out.push_back(*d);
    return out;
}

std::set<Bdf> faulted(const Trace& trace) {
    std::set<Bdf> out;
    for (const auto& line : trace.lines)
        if (line.event() != nullptr)
            if (const auto* f = std::get_if<FaultEvent>(line.event())) out.insert(f->requester);
    return out;
}

/// That a rig is fit, its functions a and b share a group, and what a may not do is blocked under the requester id of a.
void expect_own_requester_id(const char* rig_name, const char* a) {
    const auto rig = start_rig(load_rig(rig_name), test_options());
    EXPECT_THAT(check_rig(*rig), IsEmpty());
    const auto result = run_scenario(*rig, shipped("thread-unattached-member-follows.scn"));
    EXPECT_EQ(result.verdict.kind, Verdict::Kind::pass) << result.verdict.reason;
    const auto blocked = run_scenario(*rig, shipped("bound-not-attached.scn"));
    EXPECT_EQ(blocked.verdict.kind, Verdict::Kind::pass) << blocked.verdict.reason;
    const auto devices = devices_of(blocked.trace);
    ASSERT_FALSE(devices.empty());
    EXPECT_EQ(devices[0].bdf.str(), a);
    EXPECT_EQ(devices[0].alias, std::nullopt);
    EXPECT_EQ(faulted(blocked.trace), std::set<Bdf>{devices[0].bdf});
}

// The first of an 82576 is 80h behind it, of an NVMe controller 1 (VF Offset; QEMU: IGB_VF_OFFSET in hw/net/igb.c,
// NVME_VF_OFFSET in hw/nvme/ctrl.c).
TEST_F(VirtualFunctionTest, OfAnIgbFaultByTheirOwnRequesterIds) {
    expect_own_requester_id("igb-vf-pair-vtd", "0000:01:10.0");
}

TEST_F(VirtualFunctionTest, OfAnNvmeFaultByTheirOwnRequesterIds) {
    expect_own_requester_id("nvme-vf-pair-vtd", "0000:01:00.1");
}

TEST_F(VirtualFunctionTest, AreUnmadeWithTheSession) {
    const auto rig = start_qemu_rig(load_rig("igb-vf-apart-vtd"), test_options());
    EXPECT_THAT(check_rig(*rig), IsEmpty());
    type(*rig, std::string(kEnter) +
                   "echo left $(cat sriov_numvfs) $(cat /sys/module/vfio_pci/parameters/enable_sriov) "
                   "$(ls -d ../0000:01:10.* | wc -l) $(readlink driver). > /dev/kmsg\nexit\n");
    EXPECT_TRUE(says(*rig, "left 0 N 0 .")) << rig->console();
}

// Whoever drives them is killed, and with it the open files: the keeper unmakes them.
TEST_F(VirtualFunctionTest, AreUnmadeWhenTheLabIsKilled) {
    const auto rig = start_qemu_rig(load_rig("igb-vf-apart-vtd"), test_options());
    type(*rig, std::string(kEnter) +
                   "mkfifo /tmp/steps\nsleep 60 > /tmp/steps &\n"
                   "landfall exec --device a=0000:01:00.0/virtfn0 < /tmp/steps > /tmp/trace &\nLAB=$!\n"
                   "for n in 1 2 3 4 5 6 7 8 9; do grep -q staging /tmp/trace || sleep 1; done\n"
                   "echo made $(cat sriov_numvfs). > /dev/kmsg\nkill -9 $LAB\n"
                   "for n in 1 2 3 4 5 6 7 8 9; do [ $(cat sriov_numvfs) = 0 ] || sleep 1; done\nsleep 1\n"
                   "echo left $(cat sriov_numvfs) $(cat /sys/module/vfio_pci/parameters/enable_sriov) "
                   "$(readlink driver). > /dev/kmsg\nexit\n");
    EXPECT_TRUE(says(*rig, "made 1.")) << rig->console();
    EXPECT_TRUE(says(*rig, "left 0 N .")) << rig->console();
}

TEST_F(VirtualFunctionTest, SomebodyElsesAreLeftAlone) {
    const auto rig = start_qemu_rig(load_rig("igb-vf-apart-vtd"), test_options());
    type(*rig, std::string(kEnter) +
                   "echo Y > /sys/module/vfio_pci/parameters/enable_sriov\necho vfio-pci > driver_override\n"
                   "echo 0000:01:00.0 > /sys/bus/pci/drivers_probe\necho 1 > sriov_numvfs\n"
                   "echo made $(cat sriov_numvfs). > /dev/kmsg\nexit\n");
    EXPECT_TRUE(says(*rig, "made 1.")) << rig->console();
    try {
        std::ignore = rig->session({});
        FAIL();
    } catch (const LabError& e) {
        EXPECT_THAT(e.what(), HasSubstr("0000:01:00.0 has 1 virtual functions already: expected none"));
    }
    type(*rig, std::string(kEnter) + "echo still $(cat sriov_numvfs). > /dev/kmsg\nexit\n");
    EXPECT_TRUE(says(*rig, "still 1.")) << rig->console();
}

}  // namespace
}  // namespace landfall
