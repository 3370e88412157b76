// What differs between the architectures of virtual rigs: one table, so that nothing else asks which one it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace landfall {

struct Arch {
    const char* label;  ///< as `uname -m` has it, and as rig and kernel files name it

    const char* qemu;          ///< the emulator's name
    const char* machine;       ///< QEMU's -machine but for the accelerator
    const char* processor;     ///< QEMU's -cpu; nullptr: its own choice
    const char* kernel_args;   ///< what every kernel on this machine is told
    bool told_clock_rate;      ///< its kernels must be told how fast the processor's counter counts
    bool repeatable;           ///< it can do the same run again (Icount)
    std::uint64_t ram_base;    ///< where its memory begins
    unsigned most_memory_mib;  ///< so that it ends below the staging window

    const char* make_arch;        ///< kbuild's ARCH
    const char* cross;            ///< what compilers for it begin with, where they are not the machine's own
    const char* compiler_package;  ///< of Debian's, of such a compiler; nullptr: gcc
    const char* image;            ///< kbuild's target, and the image's name in the cache
    const char* image_place;      ///< of it below the folder of objects
    bool boots_vmlinux;           ///< QEMU starts one that has a PVH entry
    const char* fragment;         ///< of a kernel's configuration, beside lab.config; nullptr: none

    const char* cure;  ///< the command that brings all of it to a machine of another architecture
};

/// nullptr: there is none of this name.
[[nodiscard]] const Arch* find_arch(const std::string& label);
[[nodiscard]] std::vector<std::string> arch_labels();
/// What a rig or a kernel is that does not say.
[[nodiscard]] const Arch& default_arch();
/// This computer's programs run there.
[[nodiscard]] bool is_native(const Arch& arch);

}  // namespace landfall
