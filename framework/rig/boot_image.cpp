#include "rig/boot_image.hpp"

#include <fmt/format.h>

#include "landfall/error.hpp"
#include "rig/elf.hpp"
#include "rig/kernel_store.hpp"

namespace landfall {

BootImage boot_image(const std::string& name_or_path, const Arch& arch, const std::function<void(const std::string&)>& log) {
    const KernelImage image = find_kernel(name_or_path, log, arch);
    if (image.arch != &arch)
        throw LabError(fmt::format("kernel {} is for {}, and the rig's machine is {}", image.name, image.arch->label, arch.label),
                       "name a kernel for it: landfall kernel list");
    if (!image.vmlinux.empty() && has_pvh_entry(image.vmlinux)) return {image.vmlinux, image.modules};
    if (!image.image.empty()) return {image.image, image.modules};
    throw TextError({image.vmlinux, 0, 0}, "a vmlinux without PVH entry",
                    "a kernel with CONFIG_PVH=y, or the bzImage of this one");
}

}  // namespace landfall
