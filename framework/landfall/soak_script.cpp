#include "landfall/soak_script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "landfall/soak_places.hpp"

namespace landfall {

using namespace soak;

namespace {

// Slots lie apart, so that no entry serves two, and begin on an odd page: no aligned block of two holds a run.
constexpr std::uint64_t kFirst = 0x1001000, kApart = 0x10000;
constexpr std::uint64_t kGiB = 1ULL << 30;
constexpr unsigned kMemories = 2;               // of a slot in a space, mapped in turn
constexpr std::uint64_t kBlock = 512;           // every engine can do multiples of it
constexpr std::uint64_t kLongestRest = 4'000'000;  // ns

std::string buffer_name(const std::string& space, std::size_t slot, unsigned memory) {
    return fmt::format("{}-{}{}", space, slot, "ab"[memory]);
}

}  // namespace

// A device has one slot of each kind to itself, where nobody else's DMA can explain what is found, and all devices share one
// more that is plain.
enum class SoakScript::Kind : std::size_t {
    plain,       ///< a page, to be read and written
    write_only,  ///< a page; some kernels let it be read (fixtures/known), so nobody tries
    run,         ///< two pages
    copy,        ///< two pages of the library of the group's other space, and not its first; every other one cannot be written
    across,      ///< two pages about a boundary of 1 GiB
};
constexpr std::size_t kKinds = 5;

// Copies are above 4 GiB, what is across a boundary above that.
IovaRange SoakScript::range_of(std::size_t slot, Kind kind) {
    const auto length = kind == Kind::plain || kind == Kind::write_only ? kPageSize : 2 * kPageSize;
    if (kind == Kind::across) return {Iova{(16 + slot) * kGiB - kPageSize}, length};
    return {Iova{kFirst + kApart * slot + (kind == Kind::copy ? 8 * kGiB : 0)}, length};
}

// The shared slot is the last one, and a multiple of kKinds.
SoakScript::Kind SoakScript::kind_of(std::size_t slot, std::size_t slots) {
    return slot + 1 == slots ? Kind::plain : Kind{slot % kKinds};
}

SoakScript::SoakScript(SoakShape shape, std::uint64_t seed) : longest_(shape.longest), interrupts_(shape.interrupts), random_(seed) {
    std::size_t devices = 0;
    for (auto& names : shape.groups) {
        const auto first = std::exchange(devices, devices + names.size());
        groups_.push_back({std::move(names), first, {2 * groups_.size(), 0}});
    }
    for (std::size_t g = 0; g < groups_.size(); ++g)
        for (const auto* which : {"x", "y"})
            spaces_.push_back({fmt::format("g{}{}", g, which), std::vector<Slot>(kKinds * devices + 1), {}, 0});
}

std::string SoakScript::name(const Table& table) const {
    const auto& space = spaces_[table.space];
    return fmt::format("h{}{}", space.name, space.tables[table.which]);
}

const std::string& SoakScript::maker(std::size_t space) const { return groups_[space / 2].devices.front(); }

bool SoakScript::used(const Table& table) const {
    return std::ranges::find(groups_, table, &Group::on) != groups_.end();
}

bool SoakScript::used(std::size_t space) const { return used(Table{space, 0}) || used(Table{space, 1}); }

bool SoakScript::others_use(std::size_t space, std::size_t group) const {
    for (std::size_t g = 0; g < groups_.size(); ++g)
        if (g != group && groups_[g].on.space == space) return true;
    return false;
}

std::vector<Line> SoakScript::begin() {
    std::vector<Line> out{line_of(Require{Require::Kind::feature, {"hwpt"}})};
    make_asides(out);
    // A library is there before it is copied from.
    for (const auto& space : spaces_) {
        out.push_back(line_of(Ioas{space.name, false}));
        // Of the two ways to fill a page table, a group sees both.
        if (space.name.ends_with('y')) out.push_back(line_of(Option{space.name, false}));
        for (const std::uint64_t half : {0U, 1U}) {
            const auto shelf = fmt::format("{}-library{}", space.name, half);
            out.push_back(page_buffer(shelf, kLibrary.length / 2));
            out.push_back(map_whole(space.name, kLibrary.start + half * kLibrary.length / 2, shelf));
        }
    }
    for (std::size_t s = 0; s < spaces_.size(); ++s) make_space(out, s);
    for (const auto& group : groups_)
        for (const auto& device : group.devices) out.push_back(line_of(Attach{device, name(group.on), false}));
    for (std::size_t g = 0; g < groups_.size(); ++g)
        for (std::size_t d = 0; d < groups_[g].devices.size(); ++d) pump(out, g, d);
    return out;
}

void SoakScript::make_space(std::vector<Line>& out, std::size_t space) {
    const auto& s = spaces_[space];
    for (std::size_t slot = 0; slot < s.slots.size(); ++slot) {
        const auto kind = kind_of(slot, s.slots.size());
        for (unsigned m = 0; m < kMemories && kind != Kind::copy; ++m)
            out.push_back(page_buffer(buffer_name(s.name, slot, m), range_of(slot, kind).length));
        out.push_back(map(space, slot));
    }
    for (const std::size_t which : {0U, 1U}) make_table(out, {space, which});
}

void SoakScript::make_table(std::vector<Line>& out, const Table& table) {
    auto& space = spaces_[table.space];
    space.tables[table.which] = space.named++;
    out.push_back(line_of(Hwpt{name(table), space.name, maker(table.space)}));
}

Line SoakScript::map(std::size_t space, std::size_t slot) {
    const auto& s = spaces_[space];
    const auto kind = kind_of(slot, s.slots.size());
    const auto at = range_of(slot, kind).start;
    if (kind == Kind::copy) {
        const IovaRange pages{kLibrary.start + kPageSize * (1 + below(2)), range_of(slot, kind).length};
        return line_of(IoasCopy{s.name, at, spaces_[space ^ 1U].name, pages, {true, below(2) == 0}});
    }
    return line_of(Map{s.name, at, {buffer_name(s.name, slot, s.slots[slot].memory), std::nullopt},
                       {kind != Kind::write_only, true}, false});
}

std::vector<Line> SoakScript::next() {
    std::vector<Line> out;
    const auto what = below(40);
    if (what < 12) move_group(out);
    else if (what < 24) remap(out);
    else if (what < 26) renew(out);
    else if (what < 30) ask_amiss(out);
    else if (what < 32) leave_and_return(out);
    else if (what < 36) pump_elsewhere(out);
    else if (what < 38) copy_amiss(out);
    else if (what < 39) visit(out);
    else leave_together(out);
    if (below(4) == 0) out.push_back(line_of(Sleep{{below(kLongestRest)}}));
    return out;
}

// Mostly the group's other space; now and then the same page table, the other one of the space, any, or where another group is.
SoakScript::Table SoakScript::somewhere(std::size_t group) {
    const auto on = groups_[group].on;
    switch (below(8)) {
        case 0: return on;
        case 1: return {on.space, 1 - on.which};
        case 2: return {below(spaces_.size()), below(2)};
        case 3: return groups_[below(groups_.size())].on;
        default: return {2 * group + (on.space == 2 * group ? 1 : 0), below(2)};
    }
}

// One device is replaced and takes the others along; now and then each of them follows, which must be a NOP, or is
// replaced by where it is. Before that it may try where nobody may go, and all must stay where they are.
void SoakScript::move_group(std::vector<Line>& out) {
    const auto g = below(groups_.size());
    auto& group = groups_[g];
    const auto first = below(group.devices.size());
    if (below(8) == 0) out.push_back(line_of(Attach{group.devices[first], kWallTable, true}));
    group.on = somewhere(g);
    out.push_back(line_of(Attach{group.devices[first], name(group.on), true}));
    if (below(4) != 0) return;
    for (std::size_t d = 0; d < group.devices.size(); ++d)
        if (d != first) out.push_back(line_of(Attach{group.devices[d], name(group.on), true}));
}

// What is mapped in a slot goes, comes back with other memory behind it, or both at once.
void SoakScript::remap(std::vector<Line>& out) {
    const auto space = below(spaces_.size());
    auto& slots = spaces_[space].slots;
    const auto slot = below(slots.size());
    auto& s = slots[slot];
    if (std::exchange(s.mapped, true)) {
        auto range = range_of(slot, kind_of(slot, slots.size()));
        // What is unmapped may be less than the range that is named.
        if (below(4) == 0) range = {{range.start.value - kPageSize}, range.length + 2 * kPageSize};
        out.push_back(line_of(Unmap{spaces_[space].name, range}));
        s.mapped = below(2) == 0;
        if (!s.mapped) return;
    }
    s.memory = (s.memory + 1) % kMemories;
    out.push_back(map(space, slot));
}

// A page table nobody is on goes, and there is another one with the same mappings; one that is in use must stay.
void SoakScript::renew(std::vector<Line>& out) {
    const Table table{below(spaces_.size()), below(2)};
    out.push_back(line_of(Destroy{name(table)}));
    if (!used(table)) make_table(out, table);
}

// A device is detached for a moment. Where it has siblings the group stays where it is, and so does what holds for it.
void SoakScript::leave_and_return(std::vector<Line>& out) {
    const auto& group = groups_[below(groups_.size())];
    const auto& device = group.devices[below(group.devices.size())];
    out.push_back(line_of(Detach{device}));
    if (group.devices.size() > 1)
        out.push_back(map_whole(spaces_[group.on.space].name, interrupts_, kBrick));
    out.push_back(line_of(Attach{device, name(group.on), false}));
}

void SoakScript::pump_elsewhere(std::vector<Line>& out) {
    const auto g = below(groups_.size()), d = below(groups_[g].devices.size());
    out.push_back(line_of(Halt{groups_[g].devices[d]}));
    pump(out, g, d);
}

void SoakScript::pump(std::vector<Line>& out, std::size_t group, std::size_t device) {
    const auto slots = spaces_.front().slots.size();
    const auto own = kKinds * (groups_[group].first + device) + below(kKinds);
    const auto slot = below(8) == 0 ? slots - 1 : own;
    const auto kind = kind_of(slot, slots);
    const auto range = range_of(slot, kind);
    const auto verb = below(3) == 0 && kind != Kind::write_only ? DmaRequest::Verb::read : DmaRequest::Verb::write;
    Pump step{{groups_[group].devices[device], verb, range, std::nullopt}};
    if (below(2) == 0) {
        step.by = std::min(longest_, kBlock << below(2));
        step.deep = static_cast<unsigned>(1 + below(4));
    } else {
        const auto length = kBlock * (1 + below(longest_ / kBlock));
        step.request.range = {range.start + kBlock * below((range.length - length) / kBlock + 1), length};
    }
    out.push_back(line_of(std::move(step)));
}

std::vector<Line> SoakScript::end() const {
    std::vector<Line> out;
    for (const auto& group : groups_)
        for (const auto& device : group.devices) out.push_back(line_of(Halt{device}));
    return out;
}

}  // namespace landfall
