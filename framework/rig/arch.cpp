#include "rig/arch.hpp"

#include <sys/utsname.h>

#include <array>

namespace landfall {
namespace {

// kernel_args: a guest whose kernel oopsed proves nothing any more: it panics, and a panic ends QEMU at once (-no-reboot), which
// closes the channels. A busy host makes an emulated x86's clocks look broken: without no_timer_check the kernel counts ticks
// while it boots and panics over missing ones, without tsc=reliable it falls back to a slow clock. An aarch64 is told its
// counter's rate by a register (CNTFRQ_EL0).
// processor: one of Armv8.0, since TCG takes long over the pointer authentication of later ones.
// gic-version=3: it has an ITS, which isolates interrupts (Linux drivers/irqchip/irq-gic-v3-its.c, IRQ_DOMAIN_FLAG_ISOLATED_MSI);
// without that iommufd does not bind a device.
// ram_base: QEMU hw/arm/virt.c, base_memmap. most_memory_mib: the staging window begins at 1792 MiB.
constexpr std::array<Arch, 2> kArchs{{
    {.label = "x86_64",
     .qemu = "qemu-system-x86_64",
     .machine = "q35,kernel-irqchip=split,usb=off,smbus=off,sata=off,hpet=off,i8042=off",
     .processor = nullptr,
     .kernel_args = "console=ttyS0 panic=-1 oops=panic no_timer_check tsc=reliable",
     .told_clock_rate = true,
     .repeatable = true,
     .ram_base = 0,
     .most_memory_mib = 1536,
     .make_arch = "x86",
     .cross = "",
     .compiler_package = nullptr,
     .image = "bzImage",
     .image_place = "arch/x86/boot/bzImage",
     .boots_vmlinux = true,
     .fragment = nullptr,
     .cure = nullptr},
    {.label = "aarch64",
     .qemu = "qemu-system-aarch64",
     .machine = "virt,gic-version=3",
     .processor = "cortex-a72",
     .kernel_args = "console=ttyAMA0 panic=-1 oops=panic",
     .told_clock_rate = false,
     .repeatable = false,
     .ram_base = 1ULL << 30,
     .most_memory_mib = 704,
     .make_arch = "arm64",
     .cross = "aarch64-linux-gnu-",
     .compiler_package = "gcc-aarch64-linux-gnu",
     .image = "Image",
     .image_place = "arch/arm64/boot/Image",
     .boots_vmlinux = false,
     .fragment = "aarch64.config",
     .cure = "lab/aarch64"},
}};

}  // namespace

const Arch* find_arch(const std::string& label) {
    for (const auto& arch : kArchs)
        if (label == arch.label) return &arch;
    return nullptr;
}

std::vector<std::string> arch_labels() {
    std::vector<std::string> out;
    for (const auto& arch : kArchs) out.emplace_back(arch.label);
    return out;
}

const Arch& default_arch() { return kArchs[0]; }

bool is_native(const Arch& arch) {
    utsname name{};
    return uname(&name) == 0 && std::string(name.machine) == arch.label;
}

}  // namespace landfall
