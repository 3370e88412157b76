// Findings that are already understood, as files: fixtures/known/*.yaml, one finding each.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "landfall/known.hpp"

namespace landfall {

/// Reads one file. Throws TextError with file:line:column.
[[nodiscard]] Known load_known_file(const std::string& path);
/// The same from a text; `file` is for messages.
[[nodiscard]] Known read_known(std::istream& in, const std::string& file);
/// Every finding that ships, by file name. No folder of them: none.
[[nodiscard]] std::vector<Known> load_known();

}  // namespace landfall
