// Whole small files.
#pragma once

#include <filesystem>
#include <string>

namespace landfall {

/// Empty if the file is not there or cannot be read.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);
/// Without its newline.
[[nodiscard]] std::string read_first_line(const std::filesystem::path& path);
/// Throws LabError.
void write_file(const std::filesystem::path& path, const std::string& text);

}  // namespace landfall
