#include "rig/boot_image.hpp"

#include "landfall/error.hpp"
#include "rig/elf.hpp"
#include "rig/kernel_store.hpp"

namespace landfall {

BootImage boot_image(const std::string& name_or_path, const std::function<void(const std::string&)>& log) {
    const KernelImage image = find_kernel(name_or_path, log);
    if (!image.vmlinux.empty() && has_pvh_entry(read_bytes(image.vmlinux))) return {image.vmlinux, image.modules};
    if (!image.bzimage.empty()) return {image.bzimage, image.modules};
    throw TextError({image.vmlinux, 0, 0}, "a vmlinux without PVH entry",
                    "a kernel with CONFIG_PVH=y, or the bzImage of this one");
}

}  // namespace landfall
