#include "sim/ioas.hpp"

#include <algorithm>
#include <cerrno>

namespace landfall::sim {
namespace {

constexpr IovaRange kAperture{Iova{0}, std::uint64_t{1} << kAddressBits};

Answer failed(int error) { return Answer{{error}, std::nullopt, {}}; }

std::uint64_t page_offset(const Piece& piece) { return piece.memory.address % kPageSize; }

// Pinning for writing what the process itself may only read.
bool unpinnable(const Piece& piece) {
    const auto& block = *piece.memory.block;
    return piece.writable_pages && !piece.file && block.read_only && block.read_only->overlaps({piece.memory.address - block.skew, piece.length});
}

}  // namespace

Ioas::Ioas(Scheduler& scheduler, IommuCore& core, const FaultSet& faults, std::uint64_t number)
    : mutex(thing(Thing::lock, 1000 + 3 * number)),
      scheduler_(scheduler),
      core_(core),
      faults_(faults),
      number_(number),
      domains_lock_(thing(Thing::lock, 1001 + 3 * number)),
      iova_lock_(thing(Thing::lock, 1002 + 3 * number)) {}

// ---- ranges
// ---------------------------------------------------------------------------------------------------

bool Ioas::reserved(const IovaRange& range) const {
    if (has_domains() && !kAperture.contains(range)) return true;
    return std::ranges::any_of(reserved_, [&](const auto& entry) {
        return std::ranges::any_of(entry.second, [&](const IovaRange& r) { return r.overlaps(range); });
    });
}

Ioas::Areas::const_iterator Ioas::first_in(const IovaRange& range) const {
    auto it = areas_.upper_bound(range.start);
    if (it != areas_.begin() && std::prev(it)->second.range.overlaps(range)) --it;
    return it;
}

bool Ioas::occupied(const IovaRange& range) const {
    const auto it = first_in(range);
    return it != areas_.end() && it->second.range.overlaps(range);
}

// iopt_check_iova()
Errno Ioas::check(Iova iova, std::uint64_t length) const {
    if (iova.value % alignment() != 0) return {EINVAL};
    if (iova.value + (length - 1) < iova.value) return {EOVERFLOW};
    if (reserved({iova, length}) && !faults_.has(Fault::map_ignores_reserved)) return {EINVAL};
    return {occupied({iova, length}) && !faults_.has(Fault::map_over_existing) ? EEXIST : 0};
}

// iopt_alloc_iova(): the lowest place that is free, allowed, and keeps the offset within a page; never 0.
std::optional<Iova> Ioas::choose(std::uint64_t length, std::uint64_t offset) const {
    std::vector<Iova> starts{Iova{0}};
    for (const auto& a : allowed_) starts.push_back(a.start);
    for (const auto& [start, area] : areas_) starts.push_back(area.range.last() + 1);
    for (const auto& [device, ranges] : reserved_)
        for (const auto& r : ranges) starts.push_back(r.last() + 1);
    std::ranges::sort(starts);
    for (const auto start : starts) {
        const auto page = std::max(align_up(start.value, kPageSize), kPageSize);
        const IovaRange range{Iova{page + offset}, length};
        const bool inside =
            allowed_.empty() || faults_.has(Fault::map_auto_ignores_allowed) ||
            std::ranges::any_of(allowed_, [&](const IovaRange& a) { return a.contains(range); });
        const bool ends = range.last().value >= page;
        if (ends && inside && !reserved(range) && !occupied(range)) return range.start;
    }
    return std::nullopt;
}

Task<Errno> Ioas::reserve(const Device& device, std::vector<IovaRange> ranges) {
    const auto guard = co_await scheduler_.lock(iova_lock_);
    books();
    for (const auto& r : ranges) {
        const bool allowed = std::ranges::any_of(allowed_, [&](const IovaRange& a) { return a.overlaps(r); });
        if ((allowed || occupied(r)) && !faults_.has(Fault::attach_ignores_reserved))
            co_return Errno{EADDRINUSE};
    }
    reserved_[&device] = std::move(ranges);
    co_return Errno{};
}

void Ioas::release(const Device& device) {
    books();
    reserved_.erase(&device);
}

Task<Answer> Ioas::allow(std::vector<IovaRange> ranges) {
    books();
    if (!alive) co_return failed(ENOENT);
    const InCall in_call(calls);
    const auto guard = co_await scheduler_.lock(iova_lock_);
    books();
    for (std::size_t i = 0; i < ranges.size(); ++i)
        for (std::size_t j = i + 1; j < ranges.size(); ++j)
            if (ranges[i].overlaps(ranges[j])) co_return failed(EINVAL);
    if (std::ranges::any_of(ranges, [&](const IovaRange& r) { return reserved(r); }))
        co_return failed(EADDRINUSE);
    allowed_ = std::move(ranges);
    co_return Answer{};
}

// iopt_disable_large_pages(), iopt_enable_large_pages()
Task<Answer> Ioas::huge_pages(bool on) {
    books();
    if (!alive) co_return failed(ENOENT);
    const InCall in_call(calls);
    const auto guard = co_await scheduler_.lock(iova_lock_);
    books();
    if (on || !huge_pages_) {
        huge_pages_ = on;
        co_return Answer{};
    }
    if (has_domains() && !areas_.empty()) co_return failed(EINVAL);
    for (const auto& [start, area] : areas_)
        if ((start.value | area.range.length | page_offset(area.piece)) % kPageSize != 0)
            co_return failed(EADDRINUSE);
    huge_pages_ = false;
    co_return Answer{};
}

Answer Ioas::ranges() const {
    scheduler_.touch(Touch::Kind::read, thing(Thing::books, number_));
    if (!alive) return failed(ENOENT);
    std::vector<IovaRange> taken;
    for (const auto& [device, ranges] : reserved_) taken.insert(taken.end(), ranges.begin(), ranges.end());
    std::ranges::sort(taken);
    Answer answer;
    Iova next{0};
    const Iova last = has_domains() ? kAperture.last() : Iova{~std::uint64_t{0}};
    for (const auto& r : taken) {
        if (r.start > next) answer.ranges.push_back({next, r.start - next});
        next = std::max(next, r.last() + 1);
    }
    if (next <= last) answer.ranges.push_back({next, std::max(last - next, last - next + 1)});
    return answer;
}

// ---- map
// ------------------------------------------------------------------------------------------------------

// iopt_alloc_area_pages(), iopt_insert_area()
Errno Ioas::insert(std::optional<Iova>& iova, const std::vector<Piece>& pieces) {
    std::uint64_t length = 0;
    for (const auto& p : pieces) length += p.length;
    if (length % alignment() != 0) return {EINVAL};
    if (!iova) {
        if (page_offset(pieces.front()) % alignment() != 0) return {EINVAL};
        iova = choose(length, page_offset(pieces.front()));
        if (!iova) return {ENOSPC};
    } else if (const auto e = check(*iova, length); !e.ok()) {
        return e;
    }
    for (const auto& p : pieces) {
        if (p.access.write && !p.writable_pages && !faults_.has(Fault::copy_ignores_permission))
            return {EPERM};
        if (page_offset(p) % alignment() != 0) return {EINVAL};
    }
    auto at = *iova;
    for (const auto& p : pieces) {
        areas_[at] = {{at, p.length}, p, true};
        at = at + p.length;
    }
    return {};
}

Task<> Ioas::fill(Area area, Domain& domain) {
    co_await core_.map(domain, {area.range, area.piece.memory, area.piece.access}, huge_pages_);
}

// iopt_area_fill_domains() pins one area's pages, then iommu_map() wants them whole; then comes the next area.
Errno Ioas::refused_by_table(const std::vector<Area>& areas) {
    for (const auto& area : areas) {
        if (unpinnable(area.piece)) return {EFAULT};
        if ((area.range.start.value | area.range.length) % kPageSize != 0) return {EINVAL};
    }
    return {};
}

Task<Answer> Ioas::map(std::optional<Iova> iova, std::vector<Piece> pieces) {
    books();
    if (!alive) co_return failed(ENOENT);
    const InCall in_call(calls);
    Scheduler::Guard domains;
    if (!faults_.has(Fault::map_misses_new_domain)) domains = co_await scheduler_.share(domains_lock_);
    const auto to_fill = domains_;
    const bool automatic = !iova;
    std::vector<Area> added;
    {
        const auto guard = co_await scheduler_.lock(iova_lock_);
        books();
        if (const auto e = insert(iova, pieces); !e.ok()) co_return failed(e.value);
        auto it = areas_.find(*iova);
        for (std::size_t i = 0; i < pieces.size(); ++i) added.push_back((it++)->second);
    }
    // Pages are pinned by the first domain: without one, nobody has looked at them yet.
    const auto error = to_fill.empty() ? Errno{} : refused_by_table(added);
    for (std::size_t i = 0; i < added.size() && error.ok(); ++i) {
        for (auto* domain : to_fill) {
            co_await fill(added[i], *domain);
            if (faults_.has(Fault::map_first_domain_only)) break;
        }
    }
    const auto guard = co_await scheduler_.lock(iova_lock_);
    books();
    for (const auto& area : added) {
        if (!error.ok())
            areas_.erase(area.range.start);
        else
            areas_.at(area.range.start).busy = false;
    }
    if (!error.ok()) co_return failed(error.value);
    co_return Answer{{}, automatic ? std::optional(iova->value) : std::nullopt, {}};
}

// iopt_get_pages(), and where IOMMU_IOAS_COPY takes its slices from
Task<Answer> Ioas::slices(IovaRange range, std::vector<Piece>& out) {
    books();
    if (!alive) co_return failed(ENOENT);
    const InCall in_call(calls);
    const auto guard = co_await scheduler_.lock(iova_lock_);
    books();
    auto next = range.start;
    for (auto it = first_in(range); it != areas_.end() && it->second.range.overlaps(range); ++it) {
        const auto& area = it->second;
        if (area.busy || area.range.start > next) co_return failed(ENOENT);
        const auto last = std::min(range.last(), area.range.last());
        Piece piece = area.piece;
        if (!faults_.has(Fault::copy_from_start)) piece.memory.address += next - area.range.start;
        piece.length = last - next + 1;
        out.push_back(piece);
        next = last + 1;
    }
    co_return next == range.start || next.value - 1 != range.last().value ? failed(ENOENT) : Answer{};
}

// ---- unmap
// ----------------------------------------------------------------------------------------------------

Task<> Ioas::empty(Area area) {
    for (std::size_t d = 0; d < domains_.size(); ++d) {
        co_await core_.unmap(*domains_[d], area.range);
        if (faults_.has(Fault::unmap_first_domain_only)) break;
    }
    if (!faults_.has(Fault::copy_shares_unmap)) co_return;
    for (auto* other : copies)
        for (const auto& [start, a] : other->areas_)
            if (a.piece.memory.block == area.piece.memory.block)
                for (auto* domain : other->domains_) co_await core_.unmap(*domain, a.range);
}

// iopt_unmap_iova_range(): area by area, so a request that cuts one has removed those before it.
Task<Answer> Ioas::unmap(std::optional<IovaRange> range) {
    books();
    if (!alive) co_return failed(ENOENT);
    const InCall in_call(calls);
    const bool everything = !range;
    auto within = range.value_or(IovaRange{Iova{0}, ~std::uint64_t{0}});
    const auto last = within.last();
    const auto domains = co_await scheduler_.share(domains_lock_);
    auto guard = co_await scheduler_.lock(iova_lock_);
    books();
    std::uint64_t bytes = 0;
    for (;;) {
        const auto it = first_in(within);
        if (it == areas_.end() || !it->second.range.overlaps(within)) break;
        if (it->second.busy) co_return failed(EBUSY);
        if (!within.contains(it->second.range) && !faults_.has(Fault::unmap_cuts_mapping))
            co_return failed(ENOENT);
        areas_.at(it->first).busy = true;
        const auto area = it->second;
        if (faults_.has(Fault::unmap_frees_iova_early)) areas_.erase(area.range.start);
        guard.unlock();
        co_await empty(area);
        guard = co_await scheduler_.lock(iova_lock_);
        books();
        if (!faults_.has(Fault::unmap_frees_iova_early)) areas_.erase(area.range.start);
        bytes += area.range.length;
        if (faults_.has(Fault::unmap_first_mapping_only)) break;
        // What others have mapped meanwhile where it has been already stays.
        if (area.range.last() >= last) break;
        within = {area.range.last() + 1, last - area.range.last()};
    }
    if (bytes == 0 && !everything) co_return failed(ENOENT);
    if (faults_.has(Fault::unmap_reports_too_much)) bytes += kPageSize;
    co_return Answer{{}, bytes, {}};
}

// ---- domains
// --------------------------------------------------------------------------------------------------

Task<Errno> Ioas::add_domain(Domain& domain) {
    const auto domains = co_await scheduler_.lock(domains_lock_);
    const auto guard = co_await scheduler_.lock(iova_lock_);
    books();
    for (const auto& [start, area] : areas_) {
        if ((start.value | area.range.length | page_offset(area.piece)) % kPageSize != 0)
            co_return Errno{EADDRINUSE};
        if (!kAperture.contains(area.range)) co_return Errno{EADDRINUSE};
    }
    // Pinned by the first domain that is filled (iopt_fill_domain()), after all that is checked.
    for (const auto& [start, area] : areas_)
        if (unpinnable(area.piece)) co_return Errno{EFAULT};
    bool first = true;
    for (const auto& [start, area] : areas_) {
        const bool missed = first && areas_.size() > 3 && faults_.has(Fault::hwpt_misses_first_area);
        first = false;
        if (!missed) co_await fill(area, domain);
    }
    books();
    domains_.push_back(&domain);
    co_return Errno{};
}

Task<> Ioas::remove_domain(Domain& domain) {
    const auto domains = co_await scheduler_.lock(domains_lock_);
    books();
    const bool first = !domains_.empty() && domains_.front() == &domain;
    std::erase(domains_, &domain);
    co_await scheduler_.step();
    clear_all(domain);
    if (first && faults_.has(Fault::destroy_empties_other))
        for (auto* other : domains_) clear_all(*other);
}

void Ioas::clear_all(Domain& domain) {
    scheduler_.touch(Touch::Kind::write, thing(Thing::translation, 256 + domain.table.id()));
    domain.table.clear_all();
}

}  // namespace landfall::sim
