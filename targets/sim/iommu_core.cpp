#include "sim/iommu_core.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace landfall::sim {

// ---- page tables
// ----------------------------------------------------------------------------------------------

Task<> IommuCore::map(Domain& domain, Extent extent, bool huge_pages) {
    auto access = extent.access;
    if (faults_.has(Fault::map_loses_read) && access.write) access.read = false;
    if (faults_.has(Fault::map_loses_write) && access.read) access.write = false;
    if (faults_.has(Fault::map_always_writable)) access.write = true;
    for (std::uint64_t done = 0; done < extent.range.length;) {
        const Iova at = extent.range.start + done;
        if (done == 0 || at.value % kHugeSize == 0) {
            if (done != 0 && faults_.has(Fault::map_stops_at_table)) co_return;
            co_await scheduler_.step();
            scheduler_.touch(Touch::Kind::write, thing(Thing::translation, 256 + domain.table.id()));
        }
        Leaf leaf{extent.memory.frame() + done / kPageSize, access, false};
        const bool fits = leaf.frame % kHugePages == 0 || faults_.has(Fault::map_huge_misaligned);
        leaf.huge =
            huge_pages && at.value % kHugeSize == 0 && fits && extent.range.length - done >= kHugeSize;
        if (leaf.huge) leaf.frame = align_down(leaf.frame, kHugePages);  // as the hardware reads it
        const bool past_boundary = at.value / kHugeSize != extent.range.start.value / kHugeSize;
        if (faults_.has(Fault::map_shifts_past_huge) && past_boundary && !leaf.huge) ++leaf.frame;
        domain.table.set(at, leaf);
        done += leaf.huge ? kHugeSize : kPageSize;
    }
}

Task<> IommuCore::clear(Domain& domain, IovaRange range) {
    if (faults_.has(Fault::unmap_takes_neighbour)) range.length += kPageSize;
    if (faults_.has(Fault::unmap_leaves_last_page)) range.length -= kPageSize;
    for (std::uint64_t done = 0; done < range.length;) {
        const Iova at = range.start + done;
        if (done == 0 || at.value % kHugeSize == 0) {
            co_await scheduler_.step();
            scheduler_.touch(Touch::Kind::write, thing(Thing::translation, 256 + domain.table.id()));
        }
        done += domain.table.clear(at);
    }
}

// What the flush is told, where it is told something wrong.
IovaRange IommuCore::to_flush(IovaRange range) const {
    if (faults_.has(Fault::unmap_flush_first_page)) range.length = kPageSize;
    if (faults_.has(Fault::unmap_flush_next_page)) range.start = range.start + range.length;
    if (faults_.has(Fault::unmap_flush_unaligned)) {
        range.length = std::bit_ceil(range.length);
        range.start = Iova{align_down(range.start.value, range.length)};
    }
    return range;
}

Task<> IommuCore::flush(Domain& domain, IovaRange range) {
    if (faults_.has(Fault::unmap_without_flush)) co_return;
    range = to_flush(range);
    const unsigned wrong = faults_.has(Fault::unmap_flush_wrong_domain) ? 1 : 0;
    // The list may change while this waits, so it is not iterated by reference.
    scheduler_.touch(Touch::Kind::read, thing(Thing::books, 0));
    const auto units = domain.units;
    for (const auto& on : units) {
        co_await scheduler_.step();
        on.unit->flush_iotlb(on.domain_id + wrong, range);
        co_await on.unit->drain();
        if (faults_.has(Fault::unmap_flush_one_unit)) co_return;
    }
}

Task<> IommuCore::unmap(Domain& domain, IovaRange range) {
    if (faults_.has(Fault::unmap_flush_too_early)) {
        co_await flush(domain, range);
        co_await clear(domain, range);
        co_return;
    }
    co_await clear(domain, range);
    if (!faults_.has(Fault::unmap_flush_deferred)) co_return co_await flush(domain, range);
    const auto last = std::exchange(deferred_, Deferred{&domain, range});
    if (last.domain != nullptr) co_await flush(*last.domain, last.range);
}

// ---- who is translated through what
// ---------------------------------------------------------------------------

// Domain ids are per unit; the lowest free one is taken, as ida_alloc does.
unsigned IommuCore::take_domain_id(Domain& domain, IommuUnit& unit) {
    scheduler_.touch(Touch::Kind::write, thing(Thing::books, 0));
    for (auto& on : domain.units)
        if (on.unit == &unit) {
            ++on.devices;
            return on.domain_id;
        }
    unsigned id = 1;
    while (
        std::ranges::any_of(used_ids_, [&](const Used& u) { return u.unit == &unit && u.domain_id == id; }))
        ++id;
    used_ids_.push_back({&unit, id});
    domain.units.push_back({&unit, id, 1});
    return id;
}

void IommuCore::drop_domain_id(Domain& domain, IommuUnit& unit) {
    scheduler_.touch(Touch::Kind::write, thing(Thing::books, 0));
    const auto on = std::ranges::find(domain.units, &unit, &Domain::OnUnit::unit);
    if (on == domain.units.end() || --on->devices > 0) return;
    std::erase_if(used_ids_, [&](const Used& u) { return u.unit == &unit && u.domain_id == on->domain_id; });
    if (faults_.has(Fault::unmap_flush_lost_units)) return domain.units.clear();
    domain.units.erase(on);
}

// device_block_translation(): context entries of the requester ids it has, their cached copies, the domain's
// IOTLB.
Task<> IommuCore::block(Device& device, bool replaced) {
    auto& unit = *device.unit;
    const auto on = std::ranges::find(device.domain->units, &unit, &Domain::OnUnit::unit);
    const auto domain_id = on == device.domain->units.end() ? 0 : on->domain_id;  // the list may be wrong
    const auto entries = device.entries();
    for (std::size_t i = 0; i < device.entry_count(); ++i) {
        const bool alias = i == 1;
        if (alias && replaced && faults_.has(Fault::replace_forgets_alias)) continue;
        co_await scheduler_.step();
        if (replaced && faults_.has(Fault::replace_through_identity))
            unit.set_context(entries[i], {nullptr, 0});
        else
            unit.clear_context(entries[i]);
        const bool forgotten = (replaced && !alias && faults_.has(Fault::replace_context_cached)) ||
                               (replaced && alias && faults_.has(Fault::replace_alias_cached)) ||
                               (!replaced && faults_.has(Fault::detach_context_cached));
        if (forgotten) continue;
        co_await scheduler_.step();
        unit.flush_context(entries[i]);
    }
    if (!(replaced && faults_.has(Fault::replace_domain_cached))) {
        co_await scheduler_.step();
        unit.flush_iotlb(domain_id, std::nullopt);
        co_await unit.drain();
    }
    if (device.domain != nullptr) drop_domain_id(*device.domain, unit);  // or somebody else has, unlocked
    device.domain = nullptr;
}

Task<> IommuCore::move_device(Device& device, Domain* to) {
    const bool replaced = device.domain != nullptr && to != nullptr;
    if (device.domain != nullptr) co_await block(device, replaced);
    if (to == nullptr) co_return;
    const auto domain_id = take_domain_id(*to, *device.unit);
    device.domain = to;
    const auto entries = device.entries();
    for (std::size_t i = 0; i < device.entry_count(); ++i) {
        if (i == 1 && replaced && faults_.has(Fault::replace_forgets_alias)) continue;
        co_await scheduler_.step();
        device.unit->set_context(entries[i], {&to->table, domain_id});
        if (faults_.has(Fault::replace_through_identity)) device.unit->flush_context(entries[i]);
    }
}

Task<> IommuCore::move_group(Group& group, Domain* to, const Device& caller) {
    Scheduler::Guard guard;
    const bool replaces = to != nullptr && caller.domain != nullptr;
    if (!replaces || !faults_.has(Fault::replace_unlocked)) guard = co_await scheduler_.lock(group.mutex);
    for (auto* member : group.members) {
        if (replaces && member != &caller && faults_.has(Fault::replace_moves_caller_only)) continue;
        if (replaces && group.members.size() > 1 && member == group.members.back() &&
            faults_.has(Fault::replace_skips_last_member))
            continue;
        co_await move_device(*member, to);
    }
}

}  // namespace landfall::sim
