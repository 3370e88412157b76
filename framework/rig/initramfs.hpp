// What a guest boots into: one program, the shared libraries it needs, and a shell if the host has a static
// one.
#pragma once

#include <filesystem>
#include <vector>

#include "os/fd.hpp"

namespace landfall {

/// Path of every shared library `program` is loaded with, the dynamic loader among them; empty if it is
/// static. Asks the program's own loader, so what is listed is what would be used. Throws LabError if one is
/// missing.
[[nodiscard]] std::vector<std::filesystem::path> shared_libraries(const std::filesystem::path& program);

/// An uncompressed cpio archive (newc) in memory that no file system knows: /init is `program`, libraries
/// stand where the loader looks for them, /bin/busybox is the host's if it is static, every file of `carry` stands
/// where it does here, a program with its libraries, and `modules` are in /modules. Debug information is left out, but not of
/// modules. Throws LabError.
[[nodiscard]] Fd make_initramfs(const std::filesystem::path& program,
                                const std::vector<std::filesystem::path>& carry = {},
                                const std::vector<std::filesystem::path>& modules = {});

}  // namespace landfall
