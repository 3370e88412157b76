// What a guest boots into: one program, the shared libraries it needs, and a shell if the host has a static
// one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "os/fd.hpp"

namespace landfall {

/// Path of every shared library `program` is loaded with, the dynamic loader among them; empty if it is
/// static. Asks the program's own loader, so what is listed is what would be used. Throws LabError if one is
/// missing.
[[nodiscard]] std::vector<std::filesystem::path> shared_libraries(const std::filesystem::path& program);

/// Where a guest finds what it is to be told, line by line, if it is not to wait for that.
inline constexpr const char* kScriptFile = "/landfall.script";

/// An uncompressed cpio archive (newc) in memory that no file system knows: /init is `program`, libraries
/// stand where the loader looks for them; or `program` is a folder that has init and all it needs, for a machine whose programs
/// do not run here, and every file of it stands where it does there. /bin/busybox is the host's if it is static, every file of `carry` stands
/// where it does here, a program with its libraries, `modules` are in /modules, and kScriptFile is `script` unless that is empty. Debug information is left out, but not of
/// modules. Throws LabError.
[[nodiscard]] Fd make_initramfs(const std::filesystem::path& program,
                                const std::vector<std::filesystem::path>& carry = {},
                                const std::vector<std::filesystem::path>& modules = {}, const std::string& script = {});

}  // namespace landfall
