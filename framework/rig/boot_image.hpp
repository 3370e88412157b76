// What QEMU boots.
#pragma once

#include <functional>
#include <filesystem>
#include <string>
#include <vector>

#include "rig/arch.hpp"

namespace landfall {

struct BootImage {
    std::string kernel;                          ///< a bzImage, an Image or a vmlinux
    std::vector<std::filesystem::path> modules;  ///< what its guest has to load, in this order
};

/// What find_kernel() finds for a machine of that architecture, built if it is missing: of a kernel that has both, the vmlinux if it has a PVH
/// entry, since the guest need not unpack it. Throws as find_kernel(), LabError for a kernel of another architecture, and
/// TextError for a vmlinux QEMU cannot boot.
[[nodiscard]] BootImage boot_image(const std::string& name_or_path, const Arch& arch,
                                   const std::function<void(const std::string&)>& log);

}  // namespace landfall
