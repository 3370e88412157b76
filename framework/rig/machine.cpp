#include "rig/machine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "landfall/error.hpp"

namespace landfall {
namespace {

// intremap: without interrupt remapping iommufd refuses to bind a device (kernel: iommufd_device_bind, EPERM) and a
// container to take a group (vfio_iommu_type1_attach_group, EPERM) unless their allow_unsafe_interrupts says that they may.
// virtio-iommu has none, and Linux 7.3 turns that of amd-iommu off.
// amd: with pt=on, the default, QEMU lets the DMA of its own devices past the IOMMU (amdvi_host_dma_iommu()), and
// check_rig() refuses such a machine. It is a PCI function that QEMU puts into the first free slot.
constexpr const char* kUnsafeInterrupts =
    "iommufd.allow_unsafe_interrupts=1 vfio_iommu_type1.allow_unsafe_interrupts=1";
constexpr std::array<IommuKind, 6> kIommus{{
    {"vtd", "intel-iommu,intremap=on", "intel_iommu=on,sm_off", 1},
    {"vtd-scalable", "intel-iommu,intremap=on,x-scalable-mode=on", "intel_iommu=on,sm_on", 1},
    {"vtd-firstlevel", "intel-iommu,intremap=on,x-scalable-mode=on,x-flts=on", "intel_iommu=on,sm_on", 1},
    {"amd", "amd-iommu,intremap=on,pt=off", kUnsafeInterrupts, 2},
    {"virtio", "virtio-iommu-pci,addr=1.0", kUnsafeInterrupts, 2},
    {"smmuv3", nullptr, "", 1, ",iommu=smmuv3", "aarch64"},
}};

// edu: its default mask of 28 bits cuts addresses off. igb: its boot ROM would only cost time. nvme: as many virtual functions
// as are left in its slot, with two queues and an interrupt for each.
constexpr std::array<DeviceModel, 5> kModels{{
    {"edu", "edu,dma_mask=0xffffffffffffffff", "edu", false},
    {"igb", "igb,romfile=", "igb", false, false, "igbvf", 8},
    {"nvme", "nvme", "nvme", false, true, "nvme", 7, ",sriov_max_vfs=7,sriov_vq_flexible=14,sriov_vi_flexible=7"},
    {"pcie-root-port", "pcie-root-port", nullptr, true},
    {"pcie-pci-bridge", "pcie-pci-bridge", nullptr, true},
}};

// nvme: what is not RAM, as an address the IOMMU blocks, goes through a buffer of QEMU's; with its default of 4 KiB a command
// of several pieces is cut at any byte where the buffer is full, and the rest of it goes wrong (QEMU system/dma-helpers.c,
// dma_blk_cb). Said for the model, since virtual functions are made without properties of their own.
constexpr const char* kBounceBuffer = "nvme.x-max-bounce-buffer-size=1048576";

template <class Table>
auto find_in(const Table& table, const std::string& label) -> decltype(table.data()) {
    for (const auto& entry : table) {
        if (label == entry.label) return &entry;
    }
    return nullptr;
}

template <class Table>
std::vector<std::string> labels(const Table& table) {
    std::vector<std::string> out;
    for (const auto& entry : table) out.emplace_back(entry.label);
    return out;
}

constexpr std::uint64_t kDiskBytes = 64U << 20;

// All disks lie in one file behind one descriptor, which QEMU opens again for each of them: for writing at once, since with
// auto-read-only it opened the second of two for reading only, and every write to it failed with EBADF (10.0.2).
std::vector<std::string> disk_arguments(const RigFile& rig, const MachineFiles& files) {
    std::vector<std::string> out;
    for (unsigned i = 0; i < rig.disks; ++i) {
        constexpr const char* kDrive =
            "if=none,id=disk{},format=raw,auto-read-only=off,offset={},size={},file.driver=file,"
            "file.filename=/proc/self/fd/{},file.locking=off,file.auto-read-only=off";
        out.insert(out.end(), {"-drive", fmt::format(kDrive, i, i * kDiskBytes, kDiskBytes, files.disks)});
    }
    return out;
}

// An instruction takes 2^N ns of the machine's time.
constexpr unsigned kIcountShift = 3;

// Only what comes by a chardev that -serial was given is recorded (QEMU chardev/char.c, __qemu_chr_new: `replay`), and -device
// gives its own to none. A fifth serial port is named, and a q35 has four (hw/char/serial-isa.c, serial_hds_isa_init), so
// nothing is made of it: the port's chardev is recorded and stays free for the port.
// -S: a machine that replays is told where to halt before it runs.
std::vector<std::string> record_replay_arguments(bool record, int log) {
    std::vector<std::string> out{"-icount", fmt::format("shift={},rr={},rrfile=/proc/self/fd/{}", kIcountShift,
                                                        record ? "record" : "replay", log)};
    for (int port = 1; port < 4; ++port) out.insert(out.end(), {"-serial", "none"});
    out.insert(out.end(), {"-serial", "chardev:port"});
    if (!record) out.emplace_back("-S");
    return out;
}

// What the host would add: the time of day, random numbers, and the moment at which its main loop sees that the guest rang a virtio
// doorbell. Recorded machines need none of it: the first two are in the log, and QEMU does the third itself (hw/virtio/virtio-pci.c,
// virtio_pci_realize).
std::vector<std::string> deterministic_arguments() {
    return {"-icount", fmt::format("shift={},sleep=off", kIcountShift), "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1",
            "-global", "virtio-pci.ioeventfd=off"};
}

std::string kernel_command_line(const RigFile& rig, const std::string& more) {
    std::vector<std::string> out{arch_of(rig).kernel_args, find_iommu(rig.iommu)->kernel_args};
    out.insert(out.end(), rig.kernel_args.begin(), rig.kernel_args.end());
    out.push_back(more);
    std::erase(out, "");
    return fmt::format("{}", fmt::join(out, " "));
}

// The console, the protocol's port and QMP.
std::vector<std::string> channel_arguments(const MachineFiles& files) {
    return {"-chardev",
            fmt::format("{}{}", files.console_is_pipe ? "file,id=console,path=/proc/self/fd/" : "socket,id=console,fd=", files.console),
            "-serial", "chardev:console", "-chardev", fmt::format("socket,id=port,fd={}", files.port), "-device",
            fmt::format("virtio-serial-pci,addr={:x}.0", kPortSlot), "-device", "virtserialport,chardev=port,name=landfall",  //
            "-chardev", fmt::format("socket,id=control,fd={}", files.control), "-mon", "chardev=control,mode=control"};
}

}  // namespace

const IommuKind* find_iommu(const std::string& label) { return find_in(kIommus, label); }
const DeviceModel* find_model(const std::string& label) { return find_in(kModels, label); }
std::vector<std::string> iommu_labels() { return labels(kIommus); }
const Arch& arch_of(const RigFile& rig) { return *find_arch(find_iommu(rig.iommu)->arch); }
std::vector<std::string> model_labels() { return labels(kModels); }

// nvme: it does what it is asked in bottom halves of QEMU's main loop, which are neither recorded nor tied to an instruction
// (hw/nvme/ctrl.c, nvme_init_sq; docs/devel/replay.rst, "Bottom halves").
std::vector<std::string> icount_arguments(const RigFile& rig, Icount mode, int log) {
    if (mode == Icount::off) return {};
    if (rig.disks > 0)
        throw LabError(fmt::format("rig {} does not do the same again: QEMU's nvme devices work at times of the host's", rig.name),
                       "take a rig without nvme: landfall rig list");
    if (rig.cpus > 1)
        throw LabError(fmt::format("rig {} does not do the same again: it has {} processors", rig.name, rig.cpus), "take a rig with one");
    if (!arch_of(rig).repeatable)
        throw LabError(fmt::format("rig {} does not do the same again: nobody has tried that on {}", rig.name, arch_of(rig).label),
                       "take a rig of x86: landfall rig list");
    return mode == Icount::deterministic ? deterministic_arguments() : record_replay_arguments(mode == Icount::record, log);
}

std::uint64_t disks_bytes(const RigFile& rig) { return rig.disks * kDiskBytes; }

std::vector<std::string> machine_arguments(const RigFile& rig, const MachineFiles& files,
                                           const std::string& accelerator, const std::string& name,
                                           const std::string& kernel_args) {
    const IommuKind* iommu = find_iommu(rig.iommu);
    const Arch& arch = arch_of(rig);
    // RAM is a file in our memory, so that a witness on this side can look at all of it.
    std::vector<std::string> out{
        "-name", name, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",  //
        "-machine", fmt::format("{},accel={},memory-backend=ram{}", arch.machine, accelerator, iommu->machine),
        "-m", fmt::format("{}M", rig.memory_mib), "-smp", std::to_string(rig.cpus),  //
        "-object",
        fmt::format("memory-backend-file,id=ram,size={}M,mem-path=/proc/self/fd/{},share=on", rig.memory_mib,
                    files.memory),
        "-kernel", files.kernel, "-initrd", fmt::format("/proc/self/fd/{}", files.initramfs),  //
        "-append", kernel_command_line(rig, kernel_args)};
    if (arch.processor != nullptr) out.insert(out.end(), {"-cpu", arch.processor});
    // The IOMMU comes first: it translates only devices that are made after it.
    if (iommu->device != nullptr) out.insert(out.end(), {"-device", iommu->device + rig.iommu_properties});
    const auto channels = channel_arguments(files);
    out.insert(out.end(), channels.begin(), channels.end());
    if (rig.disks > 0) out.insert(out.end(), {"-global", kBounceBuffer});
    const auto disks = disk_arguments(rig, files);
    out.insert(out.end(), disks.begin(), disks.end());
    out.insert(out.end(), rig.qemu_args.begin(), rig.qemu_args.end());
    return out;
}

}  // namespace landfall
