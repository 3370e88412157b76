#include "landfall/model_ioas.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

namespace landfall {
namespace {

constexpr std::uint64_t kTop = std::numeric_limits<std::uint64_t>::max();
// Every page table format of x86 reaches this far; how much further the IOMMU reaches is not in the trace.
// Above it a HWPT's aperture may forbid what the model would allow.
constexpr std::uint64_t kAlwaysInAperture = 1ULL << 38U;

std::uint64_t total(const std::vector<Area>& pieces) {
    std::uint64_t bytes = 0;
    for (const auto& p : pieces) bytes += p.range.length;
    return bytes;
}

// Closed ranges without the overflow at 2^64 that half-open ones have.
struct Span {
    std::uint64_t first, last;
};

// [low, high] less the ranges taken.
std::vector<Span> holes(std::vector<IovaRange> taken, std::uint64_t low, std::uint64_t high) {
    std::ranges::sort(taken);
    std::vector<Span> out;
    for (const auto& t : taken) {
        if (t.last().value < low || t.start.value > high) continue;
        if (t.start.value > low) out.push_back({low, t.start.value - 1});
        if (t.last().value >= high) return out;
        low = t.last().value + 1;
    }
    out.push_back({low, high});
    return out;
}

}  // namespace

IoasModel::Areas::const_iterator IoasModel::first_in(const IovaRange& range) const {
    // Areas do not overlap, so only the last one that starts at or before the range can reach into it.
    auto it = areas_.upper_bound(range.start);
    if (it != areas_.begin() && std::prev(it)->second.range.overlaps(range)) return std::prev(it);
    return it != areas_.end() && it->second.range.overlaps(range) ? it : areas_.end();
}

const Area* IoasModel::overlapping(const IovaRange& range) const {
    const auto it = first_in(range);
    return it == areas_.end() ? nullptr : &it->second;
}

bool IoasModel::has_room(std::uint64_t bytes, std::uint64_t alignment) const {
    std::vector<IovaRange> taken;
    for (const auto& [start, area] : areas_) taken.push_back(area.range);
    for (const auto& [device, ranges] : reserved_) taken.insert(taken.end(), ranges.begin(), ranges.end());
    auto windows = allowed_;
    if (windows.empty()) windows.push_back({Iova{kPageSize}, kTop - 2 * kPageSize + 1});
    const auto fits = [&](const Span& hole) {
        const auto start = align_up(hole.first, alignment);
        return start >= hole.first && start <= hole.last && hole.last - start >= bytes - 1;
    };
    return std::ranges::any_of(windows, [&](const IovaRange& w) { return std::ranges::any_of(holes(taken, w.start.value, w.last().value), fits); });
}

const IovaRange* IoasModel::reserved_in(const IovaRange& range) const {
    for (const auto& [device, ranges] : reserved_)
        for (const auto& r : ranges)
            if (r.overlaps(range)) return &r;
    return nullptr;
}

Prediction IoasModel::or_idle(Prediction answer) const {
    if (!rules_->lasts && domains == 0 && !answer.allows({Errno{EINVAL}, {}, {}})) answer.allowed.push_back({EINVAL});
    return answer;
}

// What speaks against the place, in the order in which the kernel looks.
std::optional<Prediction> IoasModel::misplaced(Iova iova, std::uint64_t length) const {
    if (iova.value > kTop - (length - 1)) {
        auto wraps = refuse(EOVERFLOW, "the range passes 2^64");
        if (rules_->whole_pages) wraps.allowed.push_back({EINVAL});  // before EOVERFLOW was thought of
        return wraps;
    }
    const IovaRange range{iova, length};
    const auto* mapped = overlapping(range);
    const auto* reserved = reserved_in(range);
    if (reserved != nullptr && !(mapped != nullptr && rules_->mapped_first))
        return refuse(EINVAL, print(*reserved) + " is reserved by an attached device");
    if (mapped != nullptr) return refuse(EEXIST, print(mapped->range) + " is mapped already");
    return std::nullopt;
}

std::optional<Prediction> IoasModel::misaligned(const std::vector<Area>& pieces) const {
    const auto off = [&](const Area& p) { return p.page_offset() % alignment() != 0; };
    if (std::ranges::none_of(pieces, off)) return std::nullopt;
    return refuse(EINVAL, "the memory does not begin at a page boundary");
}

// What a page table refuses, piece by piece: iopt_area_fill_domains() pins, then iommu_map() wants whole pages.
std::optional<Prediction> IoasModel::unfit_for_table(Iova at, const std::vector<Area>& pieces) {
    for (const auto& p : pieces) {
        if (!p.can_be_pinned())
            return refuse(EFAULT, fmt::format("'{}' is read-only memory and cannot be pinned for writing",
                                              p.memory.buffer));
        if ((at.value | p.range.length) % kPageSize != 0)
            return refuse(EINVAL, "a mapping that is copied is not whole pages");
        at = at + p.range.length;
    }
    return std::nullopt;
}

// The kernel aligns as the memory is, but to no more than the length, rounded up, and a huge page (io_pagetable.c iopt_alloc_iova);
// and keeps the offset in a page.
bool IoasModel::has_surely_room(const std::vector<Area>& pieces) const {
    const auto length = total(pieces);
    if (pieces.front().page_offset() != 0 || length > kHugePage) return has_room(length + kHugePage, kHugePage);
    return has_room(length, std::bit_ceil(std::max(length, kPageSize)));
}

Prediction IoasModel::check_map(std::optional<Iova> iova, const std::vector<Area>& pieces) const {
    const auto length = total(pieces);
    const auto align = alignment();
    if (length % align != 0) return refuse(EINVAL, fmt::format("the length is no multiple of {}", align));
    if (iova && iova->value % align != 0)
        return refuse(EINVAL, fmt::format("the IOVA is no multiple of {}", align));
    if (rules_->whole_pages)
        if (auto no = misaligned(pieces)) return *std::move(no);
    if (iova)
        if (auto no = misplaced(*iova, length)) return *std::move(no);
    if (!iova)  // iopt_alloc_iova() looks at the first before it looks for room
        if (auto no = misaligned({pieces.front()})) return *std::move(no);
    if (!iova && !has_room(length)) return refuse(ENOSPC, "no allowed range has room for it");
    auto out = check_placed(iova, pieces);
    if (!iova && !has_surely_room(pieces)) out.allowed.push_back({ENOSPC});
    return out;
}

// What stands in the way once there is a place for it.
Prediction IoasModel::check_placed(std::optional<Iova> iova, const std::vector<Area>& pieces) const {
    for (const auto& p : pieces)
        if (p.access.write && !p.writable_pages)
            return refuse(EPERM, "the pages were mapped read-only, so a copy cannot be writable");
    if (auto no = misaligned(pieces)) return *std::move(no);
    if (domains > 0)
        if (auto no = unfit_for_table(iova.value_or(Iova{0}), pieces)) return *std::move(no);
    auto out = fine();
    if (iova && domains > 0 && iova->value + (total(pieces) - 1) >= kAlwaysInAperture)
        out.allowed.push_back({EINVAL});
    return out;
}

Prediction IoasModel::map(std::optional<Iova> iova, const std::vector<Area>& pieces) const {
    return or_idle(check_map(iova, pieces));
}

std::string IoasModel::object_to_iova(Iova iova, const std::vector<Area>& pieces) const {
    const IovaRange range{iova, total(pieces)};
    if (iova.value == 0) return "0 is never chosen";
    if (iova.value % alignment() != 0) return "it is not aligned to a page";
    if (iova.value > kTop - (range.length - 1)) return "the range passes 2^64";
    if (const auto* r = reserved_in(range)) return "it overlaps the reserved " + print(*r);
    if (const auto* a = overlapping(range)) return "it overlaps the mapping " + print(a->range);
    const bool inside = allowed_.empty() ||
                        std::ranges::any_of(allowed_, [&](const IovaRange& w) { return w.contains(range); });
    return inside ? "" : "it is outside the ranges given with 'allow'";
}

std::string IoasModel::object_to_ranges(const std::vector<IovaRange>& ranges) const {
    if (ranges.empty()) return "no range at all";
    // What a device reserves is told by the same kernel, and may be as wrong.
    const auto cut = [](const IovaRange& r) {
        return r.start.value % kPageSize != 0 || (r.last().value < kTop - kPageSize && (r.last().value + 1) % kPageSize != 0);
    };
    if (const auto it = std::ranges::find_if(ranges, cut); it != ranges.end())
        return fmt::format("{} is not whole pages", print(*it));
    std::vector<IovaRange> taken;
    for (const auto& [device, reserved] : reserved_)
        taken.insert(taken.end(), reserved.begin(), reserved.end());
    // The aperture of a HWPT cuts off both ends; where is the IOMMU's affair, as long as every mapping is
    // inside.
    std::uint64_t low = 0, high = kTop;
    if (domains > 0) {
        low = ranges.front().start.value;
        high = ranges.back().last().value;
        if (!areas_.empty() &&
            (low > areas_.begin()->first.value || high < areas_.rbegin()->second.range.last().value))
            return "a mapping lies outside of them";
    }
    const auto expected = holes(taken, low, high);
    // A length of 2^64 cannot be written, so the last page of the space may be missing.
    const auto same = [](const IovaRange& r, const Span& h) {
        return r.start.value == h.first &&
               (r.last().value == h.last || (h.last == kTop && r.last().value >= kTop - kPageSize));
    };
    if (std::ranges::equal(ranges, expected, same)) return {};
    std::string list;
    for (const auto& h : expected) list += fmt::format(" [{:#x}, {:#x}]", h.first, h.last);
    return "they should be" + list;
}

Prediction IoasModel::check_unmap(const std::optional<IovaRange>& range) const {
    if (range && rules_->whole_pages &&
        (range->start.value % kPageSize != 0 || range->length % kPageSize != 0))
        return refuse(EINVAL, "the range is not page aligned");
    std::uint64_t bytes = 0;
    for (auto it = range ? first_in(*range) : areas_.begin(); it != areas_.end(); ++it) {
        const auto& mapped = it->second.range;
        if (range && !range->overlaps(mapped)) break;
        if (range && !range->contains(mapped))
            return refuse(rules_->cut, fmt::format("it would cut the mapping {}", print(mapped)));
        bytes += mapped.length;
    }
    if (bytes == 0 && range && !rules_->unmaps_nothing) return refuse(ENOENT, "nothing is mapped there");
    auto out = fine();
    out.value = bytes;
    return out;
}

Prediction IoasModel::unmap(const std::optional<IovaRange>& range) const {
    return or_idle(check_unmap(range));
}

Prediction IoasModel::add_domain() const {
    auto out = fine();
    const auto far = [](const IovaRange& r) { return r.last().value >= kAlwaysInAperture; };
    for (const auto& [start, a] : areas_)
        if (start.value % kPageSize != 0 || a.range.length % kPageSize != 0 || a.page_offset() != 0)
            return refuse(EADDRINUSE,
                          fmt::format("the mapping {} of '{}' is not page aligned", print(a.range), name_));
    if (std::ranges::any_of(allowed_, far) ||
        std::ranges::any_of(areas_, [&](const auto& entry) { return far(entry.second.range); }))
        out.allowed.push_back({rules_->conflict});
    for (const auto& [start, a] : areas_)
        if (!a.can_be_pinned())
            return refuse(EFAULT, fmt::format("'{}', mapped writable, is read-only memory", a.memory.buffer));
    return out;
}

Prediction IoasModel::reserve(const std::vector<IovaRange>& ranges) const {
    for (const auto& r : ranges) {
        if (const auto* a = overlapping(r))
            return refuse(rules_->conflict, fmt::format("the mapping {} of '{}' overlaps the reserved {}",
                                                        print(a->range), name_, print(r)));
        for (const auto& w : allowed_)
            if (w.overlaps(r))
                return refuse(EADDRINUSE,
                              fmt::format("the allowed {} overlaps the reserved {}", print(w), print(r)));
    }
    return fine();
}

Prediction IoasModel::allow(const std::vector<IovaRange>& ranges) const {
    auto out = fine();
    for (auto it = ranges.begin(); it != ranges.end(); ++it) {
        if (it->length == 1) return refuse(EINVAL, "a range of one byte: its start is not below its last");
        if (std::any_of(ranges.begin(), it, [&](const IovaRange& other) { return other.overlaps(*it); }))
            return refuse(EINVAL, "the ranges overlap");
    }
    for (const auto& w : ranges) {
        if (const auto* r = reserved_in(w))
            return refuse(EADDRINUSE, print(*r) + " is reserved by an attached device");
        if (domains > 0 && w.last().value >= kAlwaysInAperture && out.allowed.size() == 1)
            out.allowed.push_back({EADDRINUSE});
    }
    return out;
}

Prediction IoasModel::huge_pages(bool on) const {
    if (on || !huge_pages_ || areas_.empty()) return fine();
    if (domains > 0) return refuse(EINVAL, "there are mappings and page tables already");
    for (const auto& [start, a] : areas_)
        if (start.value % kPageSize != 0 || a.range.length % kPageSize != 0 || a.page_offset() != 0)
            return refuse(EADDRINUSE, fmt::format("the mapping {} is not page aligned", print(a.range)));
    return fine();
}

std::vector<Change> IoasModel::do_map(Iova iova, const std::vector<Area>& pieces) {
    std::vector<Change> changes;
    if (iova.value > kTop - (total(pieces) - 1)) return changes;  // no such range, whatever the kernel said
    for (auto area : pieces) {
        area.range.start = iova;
        iova = iova + area.range.length;
        // An area that should not fit (the kernel answered ok all the same) takes the place of what was
        // there.
        while (const auto* old = overlapping(area.range)) {
            changes.emplace_back(AreaUnmapped{id_, old->range.start});
            areas_.erase(old->range.start);
        }
        areas_.emplace(area.range.start, area);
        changes.emplace_back(AreaMapped{id_, std::move(area)});
    }
    return changes;
}

std::vector<Change> IoasModel::do_unmap(const std::optional<IovaRange>& range) {
    std::vector<Change> changes;
    for (auto it = range ? first_in(*range) : areas_.begin(); it != areas_.end();) {
        const auto& mapped = it->second.range;
        if (range && (!range->overlaps(mapped) || !range->contains(mapped))) break;
        changes.emplace_back(AreaUnmapped{id_, it->first});
        it = areas_.erase(it);
    }
    return changes;
}

std::vector<Change> IoasModel::do_empty() {
    std::vector<Change> changes;
    if (rules_->lasts) return changes;
    for (auto it = areas_.begin(); it != areas_.end();) {
        if (it->second.memory.is_window()) {
            ++it;
            continue;
        }
        changes.emplace_back(AreaUnmapped{id_, it->first});
        it = areas_.erase(it);
    }
    return changes;
}

UnmapNext IoasModel::next_unmapped(const std::optional<IovaRange>& range) const {
    const auto it = range ? first_in(*range) : areas_.begin();
    if (rules_->whole_unmap || it == areas_.end()) return {};
    const auto& area = it->second.range;
    const bool whole = !range || range->contains(area);
    return {whole ? UnmapNext::Kind::whole : UnmapNext::Kind::cut, area};
}

std::optional<std::vector<Area>> IoasModel::slices(const IovaRange& range) const {
    std::vector<Area> out;
    auto it = areas_.upper_bound(range.start);
    if (it == areas_.begin()) return std::nullopt;
    --it;
    for (auto at = range.start;; ++it) {
        if (it == areas_.end() || !it->second.range.contains(at)) return std::nullopt;
        auto piece = it->second;
        const auto last = std::min(range.last(), piece.range.last());
        piece.memory = piece.memory + (at - piece.range.start);
        piece.range = {at, last - at + 1};
        out.push_back(std::move(piece));
        if (last == range.last()) return out;
        at = last + 1;
    }
}

}  // namespace landfall
