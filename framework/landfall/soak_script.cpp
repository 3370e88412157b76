#include "landfall/soak_script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace landfall {
namespace {

// A device has slots of its own, where nobody else's DMA can explain what is found, and the group has one that is shared.
constexpr std::size_t kOwnSlots = 3;
constexpr std::uint64_t kFirst = 0x1000000, kApart = 0x10000;  // bytes between slots, so that no entry serves two
constexpr unsigned kMemories = 2;                              // of a slot in a space, mapped in turn
constexpr std::uint64_t kBlock = 512;                          // every engine can do multiples of it
constexpr std::uint64_t kLongestRest = 4'000'000;              // ns

Line line_of(Step step) {
    Line line;
    line.body = std::move(step);
    return line;
}

std::string space_name(std::size_t group, unsigned space) { return fmt::format("g{}{}", group, "xy"[space]); }
std::string domain_name(std::size_t group, unsigned space) { return "h" + space_name(group, space); }
std::string buffer_name(std::size_t group, unsigned space, std::size_t slot, unsigned memory) {
    return fmt::format("{}-{}{}", space_name(group, space), slot, "ab"[memory]);
}
Iova address(std::size_t slot) { return Iova{kFirst + kApart * slot}; }

Line map(std::size_t group, unsigned space, std::size_t slot, unsigned memory) {
    return line_of(Map{space_name(group, space), address(slot),
                       {buffer_name(group, space, slot, memory), std::nullopt}, {true, true}, false});
}

}  // namespace

SoakScript::SoakScript(SoakShape shape, std::uint64_t seed) : longest_(shape.longest), random_(seed) {
    for (auto& devices : shape.groups) {
        Group group;
        for (auto& slots : group.slots) slots.resize(kOwnSlots * devices.size() + 1);
        group.devices = std::move(devices);
        groups_.push_back(std::move(group));
    }
}

std::vector<Line> SoakScript::begin() {
    std::vector<Line> out{line_of(Require{Require::Kind::feature, {"hwpt"}})};
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        for (const unsigned space : {0U, 1U}) make_space(out, g, space);
        for (const auto& device : groups_[g].devices) out.push_back(line_of(Attach{device, domain_name(g, 0), false}));
    }
    for (std::size_t g = 0; g < groups_.size(); ++g)
        for (std::size_t d = 0; d < groups_[g].devices.size(); ++d) pump(out, g, d);
    return out;
}

void SoakScript::make_space(std::vector<Line>& out, std::size_t group, unsigned space) const {
    out.push_back(line_of(Ioas{space_name(group, space), false}));
    for (std::size_t slot = 0; slot < groups_[group].slots[space].size(); ++slot) {
        for (unsigned m = 0; m < kMemories; ++m)
            out.push_back(line_of(Buffer{buffer_name(group, space, slot, m), kPageSize, false, false, false, 0}));
        out.push_back(map(group, space, slot, 0));
    }
    out.push_back(line_of(Hwpt{domain_name(group, space), space_name(group, space), groups_[group].devices.front()}));
}

std::vector<Line> SoakScript::next() {
    std::vector<Line> out;
    const auto what = below(16);
    if (what < 8) {
        move_group(out);
    } else if (what < 14) {
        remap(out);
    } else {
        const auto g = below(groups_.size()), d = below(groups_[g].devices.size());
        out.push_back(line_of(Halt{groups_[g].devices[d]}));
        pump(out, g, d);
    }
    if (below(4) == 0) rest(out);
    return out;
}

// One device is replaced and takes the others along; now and then each of them follows, which must be a NOP, or is
// replaced by where it is.
void SoakScript::move_group(std::vector<Line>& out) {
    const auto g = below(groups_.size());
    auto& group = groups_[g];
    if (below(8) != 0) group.on = 1 - group.on;
    const auto domain = domain_name(g, group.on);
    const auto first = below(group.devices.size());
    out.push_back(line_of(Attach{group.devices[first], domain, true}));
    if (below(4) != 0) return;
    for (std::size_t d = 0; d < group.devices.size(); ++d)
        if (d != first) out.push_back(line_of(Attach{group.devices[d], domain, true}));
}

// A page of either space goes, comes back with other memory behind it, or both at once.
void SoakScript::remap(std::vector<Line>& out) {
    const auto g = below(groups_.size());
    const auto space = static_cast<unsigned>(below(2));
    auto& slots = groups_[g].slots[space];
    const auto slot = below(slots.size());
    auto& s = slots[slot];
    const bool was = std::exchange(s.mapped, true);
    if (was) {
        out.push_back(line_of(Unmap{space_name(g, space), IovaRange{address(slot), kPageSize}}));
        s.mapped = below(2) == 0;
        if (!s.mapped) return;
    }
    s.memory = (s.memory + 1) % kMemories;
    out.push_back(map(g, space, slot, s.memory));
}

void SoakScript::pump(std::vector<Line>& out, std::size_t group, std::size_t device) {
    const auto shared = groups_[group].slots[0].size() - 1;
    const auto slot = below(8) == 0 ? shared : kOwnSlots * device + below(kOwnSlots);
    const auto length = kBlock * (1 + below(longest_ / kBlock));
    const auto offset = kBlock * below((kPageSize - length) / kBlock + 1);
    const auto verb = below(3) == 0 ? DmaRequest::Verb::read : DmaRequest::Verb::write;
    out.push_back(line_of(
        Pump{{groups_[group].devices[device], verb, {address(slot) + offset, length}, std::nullopt}}));
}

void SoakScript::rest(std::vector<Line>& out) { out.push_back(line_of(Sleep{{below(kLongestRest)}})); }

std::vector<Line> SoakScript::end() const {
    std::vector<Line> out;
    for (const auto& group : groups_)
        for (const auto& device : group.devices) out.push_back(line_of(Halt{device}));
    return out;
}

}  // namespace landfall
