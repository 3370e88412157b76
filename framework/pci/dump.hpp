// Reports people send: `lspci -xxxx`, with or without the prose of -v.
#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <optional>
#include <string>

#include "landfall/types.hpp"

namespace landfall {

/// What `lspci -v` says of a function that its config space does not.
struct DumpNote {
    std::string driver;
    std::optional<std::uint32_t> group;
};

struct Dump {
    /// The hex part alone, in the form libpci's dump method reads without complaint: every function once, its
    /// bytes from 0 without a gap, 64, 128, 256 or 4096 of them, no other line.
    std::string hex;
    std::map<Bdf, DumpNote> notes;  ///< one a function
};

/// libpci trusts a dump too far for text from a stranger (lines of 254 characters end the process, an offset
/// of 80000000 writes outside its buffer) and its errors name no line, so only checked text reaches it.
/// Throws TextError with file:line:column.
[[nodiscard]] Dump read_dump(std::istream& in, const std::string& file);

}  // namespace landfall
