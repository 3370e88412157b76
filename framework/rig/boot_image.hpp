// The file QEMU boots.
#pragma once

#include <functional>
#include <string>

namespace landfall {

/// The path for a bzImage or vmlinux file, or for the name of a kernel, which is built if it is missing. Of a named
/// kernel the vmlinux is taken if it has a PVH entry: the guest need not unpack it.
/// Throws TextError if there is no such file, or it is no kernel QEMU can boot.
[[nodiscard]] std::string boot_image(const std::string& name_or_path,
                                     const std::function<void(const std::string&)>& log);

}  // namespace landfall
