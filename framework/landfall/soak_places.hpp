// What the two halves of a soak's script, its traffic (soak_script.cpp) and what is asked aside (soak_aside.cpp), have in common.
#pragma once

#include <string>
#include <utility>

#include "landfall/line.hpp"

namespace landfall::soak {

inline constexpr IovaRange kLibrary{Iova{0x800000}, 4 * kPageSize};  ///< in every space, in two mappings, and never unmapped
/// An address space with a page in the window of interrupts: no device can be attached to it. The page, and its page table.
inline constexpr const char *kWall = "wall", *kBrick = "brick", *kWallTable = "hwall";

inline Line line_of(Step step) {
    Line line;
    line.body = std::move(step);
    return line;
}

inline Line page_buffer(std::string name, std::uint64_t size, bool read_only = false) {
    Buffer out{std::move(name), size};
    if (read_only) out.read_only = out.whole();
    return line_of(std::move(out));
}

inline Line map_whole(std::string space, std::optional<Iova> at, std::string buffer) {
    return line_of(Map{std::move(space), at, {std::move(buffer), std::nullopt}, {true, true}, false});
}

}  // namespace landfall::soak
