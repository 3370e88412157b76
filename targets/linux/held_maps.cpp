#include "linux/held_maps.hpp"

#include <algorithm>
#include <bit>

namespace landfall {
namespace {

bool whole_pages(std::uint64_t start, std::uint64_t length) {
    return length > 0 && (start | length) % kPageSize == 0 && start + (length - 1) >= start;
}

IovaRange range_of(const std::pair<const Iova, HeldMaps::Held>& entry) {
    return {entry.first, entry.second.memory.length};
}

}  // namespace

bool HeldMaps::hold(Iova iova, const Memory& memory, Access access) {
    const auto address = std::bit_cast<std::uintptr_t>(memory.address);
    if (!whole_pages(iova.value, memory.length) || !whole_pages(address, memory.length)) return false;
    const IovaRange range{iova, memory.length};
    const auto there = [&](const auto& entry) { return range_of(entry).overlaps(range); };
    if (std::ranges::any_of(held_, there)) return false;
    held_.emplace(iova, Held{memory, access});
    return true;
}

bool HeldMaps::meets(const std::optional<IovaRange>& range) const {
    return std::ranges::any_of(held_, [&](const auto& entry) { return !range || range->overlaps(range_of(entry)); });
}

std::optional<std::uint64_t> HeldMaps::drop(const std::optional<IovaRange>& range) {
    if (range && !whole_pages(range->start.value, range->length)) return std::nullopt;
    const auto inside = [&](const auto& entry) { return !range || range->contains(range_of(entry)); };
    const auto cut = [&](const auto& entry) { return range && range->overlaps(range_of(entry)) && !inside(entry); };
    if (std::ranges::any_of(held_, cut)) return std::nullopt;
    std::uint64_t bytes = 0;
    for (const auto& entry : held_) bytes += inside(entry) ? entry.second.memory.length : 0;
    std::erase_if(held_, inside);
    return bytes;
}

}  // namespace landfall
