// The QEMU machine of a rig: pure functions from the rig file to a command line.
#pragma once

#include <string>
#include <vector>

#include "rig/arch.hpp"
#include "rig/rig.hpp"

namespace landfall {

/// What an IOMMU label of a rig file stands for.
struct IommuKind {
    const char* label;
    const char* device;       ///< QEMU's -device; nullptr: the machine has it built in
    const char* kernel_args;  ///< what the kernel must be told to use it
    unsigned first_slot;      ///< of the root bus that a rig may use; one below it is the IOMMU's own
    const char* machine = "";      ///< what QEMU's -machine is told on top
    const char* arch = "x86_64";   ///< the architecture that has it
};
[[nodiscard]] const IommuKind* find_iommu(const std::string& label);
[[nodiscard]] std::vector<std::string> iommu_labels();
/// What the machine of a rig of kind qemu is.
[[nodiscard]] const Arch& arch_of(const RigFile& rig);

/// What a device model of a rig file stands for.
struct DeviceModel {
    const char* label;
    const char* device;  ///< QEMU's -device, with the properties a lab needs
    const char* engine;  ///< nullptr: does no DMA for us
    bool bridge;         ///< opens a new bus
    bool disk = false;   ///< gets a disk of its own
    const char* vf_engine = nullptr;  ///< of its virtual functions; nullptr: it has none for us
    unsigned vfs = 0;                 ///< how many it can have
    const char* vf_properties = "";   ///< of a device that has some
};
[[nodiscard]] const DeviceModel* find_model(const std::string& label);
[[nodiscard]] std::vector<std::string> model_labels();

/// A machine whose clock counts the instructions it has executed (QEMU's icount) does the same again if the same comes to it
/// from outside at the same instructions.
enum class Icount {
    off,
    deterministic,  ///< nothing comes from outside: an idle machine's clock jumps to the next timer
    record,         ///< what comes, and when, is written to a log
    replay,         ///< it comes from such a log
};

/// Files of one start, as descriptors QEMU inherits.
struct MachineFiles {
    std::string kernel;  ///< path
    int initramfs = -1, console = -1, port = -1;
    int memory = -1;  ///< as long as the machine's RAM
    int disks = -1;   ///< disks_bytes() long, all zeros; -1 if there are none
    int control = -1; ///< QMP
    bool console_is_pipe = false;  ///< to write to; else a socket
};

/// How fast the time stamp counter of a machine counts whose clock counts instructions: the counter is its virtual time in ns.
inline constexpr unsigned kIcountTscKhz = 1'000'000;

/// What is appended to machine_arguments() for such a machine. `log`: a descriptor, if there is one. Throws LabError for a rig
/// that would not do the same again.
[[nodiscard]] std::vector<std::string> icount_arguments(const RigFile& rig, Icount mode, int log);

/// What the disks of a rig's devices take together.
[[nodiscard]] std::uint64_t disks_bytes(const RigFile& rig);

/// Slot of the lab's own virtio-serial controller; not for devices of a rig file.
inline constexpr unsigned kPortSlot = 0x1e;

/// QEMU's arguments behind the program's name. `name` marks the process; it listens nowhere and writes no
/// file.
[[nodiscard]] std::vector<std::string> machine_arguments(const RigFile& rig, const MachineFiles& files,
                                                         const std::string& accelerator,
                                                         const std::string& name,
                                                         const std::string& kernel_args);

}  // namespace landfall
