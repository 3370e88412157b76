// The little the lab must know of ELF files: what they need to run, and whether QEMU can boot one.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace landfall {

/// Reads a whole file. Throws LabError.
[[nodiscard]] std::string read_bytes(const std::filesystem::path& path);

/// A 64-bit ELF file.
[[nodiscard]] bool is_elf(const std::string& file);

/// The dynamic loader a program names; empty if it is static.
[[nodiscard]] std::string interpreter(const std::string& file);

/// What stands in the section of that name; empty if there is none.
[[nodiscard]] std::string_view section(const std::string& file, std::string_view name);

/// Drops everything behind the last segment. Loading takes segments only (gABI, "Program Header"); what
/// follows, debug information above all, is most of a program's size.
void cut_behind_segments(std::string& file);

/// The kernel has a PVH entry (ELF note XEN_ELFNOTE_PHYS32_ENTRY): QEMU can start it without unpacking. Reads no more of it than it
/// must. Throws LabError if it cannot be read.
[[nodiscard]] bool has_pvh_entry(const std::filesystem::path& kernel);

}  // namespace landfall
