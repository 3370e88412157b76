// The little the lab must know of ELF files: what they need to run, and whether QEMU can boot one.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "landfall/mapping.hpp"

namespace landfall {

/// A whole file, which is not read before it is looked at. Throws LabError.
class FileBytes {
  public:
    explicit FileBytes(const std::filesystem::path& path);
    /// What is changed in them stays here, and the file as it was.
    [[nodiscard]] std::span<char> span() const { return {reinterpret_cast<char*>(view_.bytes().data()), view_.bytes().size()}; }
    [[nodiscard]] std::string_view text() const { return {span().data(), span().size()}; }

  private:
    Mapping view_;
};

/// A 64-bit ELF file.
[[nodiscard]] bool is_elf(std::string_view file);

/// The dynamic loader a program names; empty if it is static.
[[nodiscard]] std::string interpreter(std::string_view file);

/// What stands in the section of that name; empty if there is none.
[[nodiscard]] std::string_view section(std::string_view file, std::string_view name);

/// The file without all that is behind its last segment, which its header no longer tells of. Loading takes segments only (gABI,
/// "Program Header"); what follows, debug information above all, is most of a program's size.
[[nodiscard]] std::span<char> cut_behind_segments(std::span<char> file);

/// The kernel has a PVH entry (ELF note XEN_ELFNOTE_PHYS32_ENTRY): QEMU can start it without unpacking. Reads no more of it than it
/// must. Throws LabError if it cannot be read.
[[nodiscard]] bool has_pvh_entry(const std::filesystem::path& kernel);

}  // namespace landfall
