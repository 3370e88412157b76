// The file QEMU boots.
#pragma once

#include <functional>
#include <string>

namespace landfall {

/// What find_kernel() finds, built if it is missing: of a kernel that has both, the vmlinux if it has a PVH
/// entry, since the guest need not unpack it. Throws as find_kernel(), and TextError for a vmlinux QEMU
/// cannot boot.
[[nodiscard]] std::string boot_image(const std::string& name_or_path,
                                     const std::function<void(const std::string&)>& log);

}  // namespace landfall
