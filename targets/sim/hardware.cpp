#include "sim/hardware.hpp"

#include <algorithm>

namespace landfall::sim {
namespace {

constexpr std::uint64_t kRead = 1, kWrite = 2, kLarge = 1U << 7, kAddress = 0x000f'ffff'ffff'f000;
// VT-d specification, table 25: fault reasons.
constexpr std::uint32_t kNoContext = 0x2, kAddressTooWide = 0x4, kNoWrite = 0x5, kNoRead = 0x6;

std::uint64_t rid_number(Bdf rid) {
    return static_cast<std::uint64_t>(rid.bus) << 8 | static_cast<std::uint64_t>(rid.device) << 3 |
           rid.function;
}

}  // namespace

// ---- page tables
// ----------------------------------------------------------------------------------------------

std::optional<Leaf> PageTable::walk(Iova iova) const {
    const Node* node = &top_;
    for (unsigned level = kLevels - 1;; --level) {
        const auto i = index(iova, level);
        const auto entry = node->table ? (*node->table)[i] : 0;
        if ((entry & (kRead | kWrite)) != 0)
            return Leaf{(entry & kAddress) >> 12,
                        {(entry & kRead) != 0, (entry & kWrite) != 0},
                        (entry & kLarge) != 0};
        if (level == 0 || !node->below || !(*node->below)[i]) return std::nullopt;
        node = (*node->below)[i].get();
    }
}

void PageTable::set(Iova iova, const Leaf& leaf) {
    Node* node = &top_;
    for (unsigned level = kLevels - 1; level > (leaf.huge ? 1U : 0U); --level) {
        if (!node->below) node->below = std::make_unique<std::array<std::unique_ptr<Node>, 512>>();
        auto& next = (*node->below)[index(iova, level)];
        if (!next) next = std::make_unique<Node>();
        node = next.get();
    }
    if (!node->table) node->table = std::make_unique<std::array<std::uint64_t, 512>>();
    (*node->table)[index(iova, leaf.huge ? 1 : 0)] = leaf.frame << 12 | (leaf.access.read ? kRead : 0) |
                                                     (leaf.access.write ? kWrite : 0) |
                                                     (leaf.huge ? kLarge : 0);
}

std::uint64_t PageTable::clear(Iova iova) {
    Node* node = &top_;
    for (unsigned level = kLevels - 1;; --level) {
        const auto i = index(iova, level);
        if (node->table && (*node->table)[i] != 0) {
            (*node->table)[i] = 0;
            return std::uint64_t{kPageSize} << (9 * level);
        }
        if (level == 0 || !node->below || !(*node->below)[i]) return kPageSize;
        node = (*node->below)[i].get();
    }
}

// ---- the unit
// -------------------------------------------------------------------------------------------------

void IommuUnit::set_context(Bdf rid, const ContextEntry& entry) {
    scheduler_.touch(Touch::Kind::write, thing(Thing::context, rid_number(rid)));
    contexts_[rid] = entry;
}

void IommuUnit::clear_context(Bdf rid) {
    scheduler_.touch(Touch::Kind::write, thing(Thing::context, rid_number(rid)));
    contexts_.erase(rid);
}

void IommuUnit::flush_context(Bdf rid) {
    scheduler_.touch(Touch::Kind::write, thing(Thing::context, rid_number(rid)));
    context_cache_.erase(rid);
}

void IommuUnit::flush_iotlb(unsigned domain_id, const std::optional<IovaRange>& range) {
    scheduler_.touch(Touch::Kind::write, thing(Thing::translation, number_));
    std::erase_if(iotlb_, [&](const Cached& c) {
        return c.domain_id == domain_id && (!range || c.range.overlaps(*range));
    });
}

bool IommuUnit::Drained::ready() const {
    return std::ranges::none_of(flying, [&](std::uint64_t ticket) { return ticket < before; });
}

Task<> IommuUnit::drain() {
    const Drained drained{flying_, next_ticket_};
    co_await scheduler_.until(drained);
    scheduler_.touch(Touch::Kind::write, thing(Thing::flight, number_));
    scheduler_.touch(Touch::Kind::heed, thing(Thing::flight, number_));
}

std::uint64_t IommuUnit::depart() {
    scheduler_.touch(Touch::Kind::read, thing(Thing::flight, number_));
    flying_.push_back(next_ticket_);
    return next_ticket_++;
}

void IommuUnit::landed(std::uint64_t ticket) {
    scheduler_.touch(Touch::Kind::signal, thing(Thing::flight, number_));
    std::erase(flying_, ticket);
}

// Present entries are cached, absent ones are not (caching mode is off).
const ContextEntry* IommuUnit::context(Bdf rid) {
    scheduler_.touch(Touch::Kind::read, thing(Thing::context, rid_number(rid)));
    if (const auto hit = context_cache_.find(rid); hit != context_cache_.end()) return &hit->second;
    const auto entry = contexts_.find(rid);
    if (entry == contexts_.end()) return nullptr;
    return &(context_cache_[rid] = entry->second);
}

std::optional<Leaf> IommuUnit::lookup(const ContextEntry& c, Iova iova) {
    scheduler_.touch(Touch::Kind::read, thing(Thing::translation, number_));
    scheduler_.touch(Touch::Kind::read, thing(Thing::translation, 256 + c.table->id()));
    for (const auto& cached : iotlb_)
        if (cached.domain_id == c.domain_id && cached.range.contains(iova)) return cached.leaf;
    const auto leaf = c.table->walk(iova);
    if (!leaf) return std::nullopt;
    const auto size = leaf->huge ? kHugeSize : kPageSize;
    iotlb_.push_back({c.domain_id, {Iova{align_down(iova.value, size)}, size}, *leaf});
    if (faults_.has(Fault::iotlb_forgets_permission)) iotlb_.back().leaf.access = {true, true};
    if (iotlb_.size() > kIotlbEntries) iotlb_.pop_front();
    return leaf;
}

IommuUnit::Translation IommuUnit::translate(Bdf rid, Iova iova, Access access) {
    const auto* c = context(rid);
    if (c == nullptr) return {std::nullopt, kNoContext};
    if (c->table == nullptr) return {iova.value / kPageSize, 0};
    if (iova.value >> kAddressBits != 0) return {std::nullopt, kAddressTooWide};
    const auto leaf = lookup(*c, iova);
    if (!leaf || !leaf->access.allows(access)) return {std::nullopt, access.write ? kNoWrite : kNoRead};
    return {leaf->frame + (leaf->huge ? iova.value / kPageSize % kHugePages : 0), 0};
}

}  // namespace landfall::sim
