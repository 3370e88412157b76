// What a soak asks for aside of its traffic: what has to be refused and to change nothing, and address spaces that are there for one
// visit. What is right is not known here; the checker judges every answer.
#include <fmt/format.h>

#include "landfall/soak_places.hpp"
#include "landfall/soak_script.hpp"

namespace landfall {

using namespace soak;

namespace {

constexpr const char *kLedge = "ledge";    // two pages
constexpr const char *kQuarry = "quarry";  // where memory that cannot be written lies behind some that can, and nobody has looked at either
constexpr IovaRange kStones{Iova{0x600000}, 2 * kPageSize};
constexpr IovaRange kHollow{Iova{0x610000}, 3 * kPageSize};  // and nothing is between two pages
constexpr Iova kVoid{0x700000};  // nothing is here for longer than a moment
// Of a space for a visit: where automatic addresses may come from, just enough of them, and where else they might.
constexpr IovaRange kShed{Iova{0x40000000}, kPageSize}, kYard{Iova{0x40010000}, 2 * kPageSize}, kGarden{Iova{0x50000000}, 2 * kPageSize};

}  // namespace

void SoakScript::make_asides(std::vector<Line>& out) const {
    out.push_back(line_of(Ioas{kWall, false}));
    out.push_back(page_buffer(kBrick, kPageSize));
    out.push_back(page_buffer(kLedge, 2 * kPageSize));
    out.push_back(map_whole(kWall, interrupts_, kBrick));
    out.push_back(line_of(Hwpt{kWallTable, kWall, maker(0)}));
    out.push_back(line_of(Ioas{kQuarry, true}));
    out.push_back(page_buffer("glass", kPageSize, true));
    out.push_back(map_whole(kQuarry, kStones.start, kBrick));
    out.push_back(map_whole(kQuarry, kStones.start + kPageSize, "glass"));
    for (const std::uint64_t page : {0U, 2U}) out.push_back(map_whole(kQuarry, kHollow.start + page * kPageSize, kBrick));
}

void SoakScript::ask_amiss(std::vector<Line>& out) {
    const auto space = below(spaces_.size());
    const auto& name = spaces_[space].name;
    switch (below(6)) {
        case 0: return out.push_back(map_whole(name, kLibrary.start + kPageSize, kBrick));
        case 1: return out.push_back(line_of(Unmap{name, IovaRange{kLibrary.start, kPageSize}}));
        case 2: return out.push_back(line_of(Destroy{name}));
        case 3: return out.push_back(line_of(Ranges{name}));
        default: return ask_window(out, space);
    }
}

// The interrupt window of a device may be mapped where there is no device, in it or over its edge.
void SoakScript::ask_window(std::vector<Line>& out, std::size_t space) {
    const auto& name = spaces_[space].name;
    const bool edge = below(2) == 0;
    const auto at = edge ? Iova{interrupts_.value - kPageSize} : interrupts_;
    out.push_back(map_whole(name, at, edge ? kLedge : kBrick));
    if (!used(space)) out.push_back(line_of(Unmap{name, IovaRange{at, edge ? 2 * kPageSize : kPageSize}}));
}

// A copy of pages of which the second is not there, finds something in its place, or cannot be had: the first one is not left
// behind.
void SoakScript::copy_amiss(std::vector<Line>& out) {
    const auto space = below(spaces_.size());
    const auto &name = spaces_[space].name, &other = spaces_[space ^ 1U].name;
    auto to = kVoid;
    switch (below(4)) {
        case 0: out.push_back(line_of(IoasCopy{name, to, other, {kLibrary.start + 3 * kPageSize, 2 * kPageSize}, {true, true}})); break;
        case 1: out.push_back(line_of(IoasCopy{name, to, kQuarry, kHollow, {true, true}})); break;
        case 2:
            to = Iova{kLibrary.start.value - kPageSize};
            out.push_back(line_of(IoasCopy{name, to, other, {kLibrary.start, 2 * kPageSize}, {true, true}}));
            break;
        default: out.push_back(line_of(IoasCopy{name, to, kQuarry, kStones, {true, true}})); break;
    }
    out.push_back(map_whole(name, to, kBrick));
    out.push_back(line_of(Unmap{name, IovaRange{to, kPageSize}}));
}

// A group goes to a space that has no page table of its own yet, some of its devices know of it, and all come back. What is allowed
// there is asked amiss before and meanwhile.
void SoakScript::visit(std::vector<Line>& out) {
    const auto& group = groups_[below(groups_.size())];
    const auto first = below(group.devices.size());
    const auto& guide = group.devices[first];
    const auto place = fmt::format("visit{}", visits_++);
    const IovaRange window{interrupts_, kPageSize};
    out.push_back(line_of(Ioas{place, false}));
    if (below(2) == 0) {
        out.push_back(line_of(Allow{place, {window}}));
        out.push_back(line_of(Attach{guide, place, true}));
    }
    out.push_back(line_of(Allow{place, {kShed, kYard}}));
    out.push_back(line_of(Attach{guide, place, true}));
    for (const auto& device : group.devices)
        if (device != guide && below(2) == 0) out.push_back(line_of(Attach{device, place, true}));
    out.push_back(line_of(Allow{place, {kGarden, window}}));
    for (const auto* what : {kLedge, kBrick}) out.push_back(map_whole(place, std::nullopt, what));
    out.push_back(line_of(Ranges{place}));
    out.push_back(line_of(Unmap{place, IovaRange{kShed.start, kYard.last().value + 1 - kShed.start.value}}));
    out.push_back(line_of(Destroy{place}));
    out.push_back(line_of(Attach{guide, name(group.on), true}));
    for (const auto& device : group.devices)
        if (device != guide) out.push_back(line_of(Attach{device, name(group.on), true}));
    out.push_back(line_of(Destroy{place}));
}

// A whole group is detached, one device after the other, and what was reserved for it is free again. Its pumps rest: DMA that nobody
// answers takes an engine most of a second.
void SoakScript::leave_together(std::vector<Line>& out) {
    const auto g = below(groups_.size());
    const auto& group = groups_[g];
    const auto space = group.on.space;
    for (const auto& device : group.devices) out.push_back(line_of(Halt{device}));
    for (const auto& device : group.devices) out.push_back(line_of(Detach{device}));
    out.push_back(map_whole(spaces_[space].name, interrupts_, kBrick));
    if (!others_use(space, g)) out.push_back(line_of(Unmap{spaces_[space].name, IovaRange{interrupts_, kPageSize}}));
    for (const auto& device : group.devices) out.push_back(line_of(Attach{device, name(group.on), false}));
    for (std::size_t d = 0; d < group.devices.size(); ++d) pump(out, g, d);
}

}  // namespace landfall
