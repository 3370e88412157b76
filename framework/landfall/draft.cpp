#include "landfall/draft.hpp"

#include <algorithm>

namespace landfall {

Draft::Draft(const std::vector<std::vector<std::string>>& groups) {
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (const auto& name : groups[g]) devices.push_back({name, g, {}, true, false, false});
}

void Draft::add(Step step) {
    note(step);
    Line line;
    line.lane = lane;
    line.body = std::move(step);
    lines.push_back(std::move(line));
}

Draft::Domain* Draft::domain(const std::string& name) {
    const auto it = std::ranges::find(domains, name, &Domain::name);
    return it == domains.end() ? nullptr : &*it;
}

Draft::Space* Draft::space(const std::string& name) {
    const auto it = std::ranges::find(spaces, name, &Space::name);
    return it == spaces.end() ? nullptr : &*it;
}

Draft::Device& Draft::device(const std::string& name) {
    return *std::ranges::find(devices, name, &Device::name);
}

Draft::Space* Draft::seen_by(const Device& device) {
    for (const auto& other : devices)
        if (other.group == device.group && !other.domain.empty()) return &spaces[domain(other.domain)->space];
    return nullptr;
}

bool Draft::in_use(const Domain& what) const {
    const auto attached = [&](const std::string& name) {
        return std::ranges::find(devices, name, &Device::domain) != devices.end();
    };
    if (attached(what.name)) return true;
    return !what.manual && std::ranges::any_of(domains, [&](const Domain& d) {
        return d.manual && d.alive && d.space == what.space;
    });
}

void Draft::note(const Step& step) {
    std::visit(
        Overloaded{
            [&](const Buffer& s) { buffers.push_back(s); },
            [&](const Ioas& s) {
                spaces.push_back({s.name, {}, true, true, false});
                domains.push_back({s.name, spaces.size() - 1, false, true});
            },
            [&](const Hwpt& s) {
                // One that the kernel may have refused is never named again: it may not be there.
                const auto index = static_cast<std::size_t>(space(s.ioas) - spaces.data());
                const auto& space = spaces[index];
                const bool made = space.fit && space.alive && !space.doubted && device(s.device).open;
                if (made) domains.push_back({s.name, index, true, true});
            },
            [&](const Map& s) {
                const auto& b = *std::ranges::find(buffers, s.memory.buffer, &Buffer::name);
                const auto span = s.memory.span.value_or(b.whole());
                const bool whole = (b.skew + span.offset) % kPageSize == 0 && span.length % kPageSize == 0;
                const bool pins = whole && !(s.access.write && b.forbids_writing(span));
                mapped(*space(s.ioas), s.iova, span.length, s.access, pins);
            },
            [&](const IoasCopy& s) {
                mapped(*space(s.destination), s.iova, s.range.length, s.access, space(s.source)->fit);
            },
            [&](const Unmap& s) { unmapped(*space(s.ioas), s.range); },
            [&](const Attach& s) { attached(device(s.device), *domain(s.domain)); },
            [&](const Detach& s) { device(s.device).domain.clear(); },
            [&](const Destroy& s) { destroyed(*domain(s.object)); },
            [&](const DeviceControl& s) { controlled(s); },
            [&](const Start& s) { device(s.request.device).busy = true; },
            [&](const Wait& s) { device(s.device).busy = false; },
            [&](const Pump& s) { device(s.request.device).busy = device(s.request.device).pump = true; },
            [&](const Halt& s) { device(s.device).busy = device(s.device).pump = false; },
            [](const auto&) {},
        },
        step);
}

void Draft::mapped(Space& space, std::optional<Iova> at, std::uint64_t length, Access access, bool pins) {
    if (!pins) space.fit = false;
    if (!at) return;
    const IovaRange range{*at, length};
    const bool free =
        std::ranges::none_of(space.areas, [&](const Area& a) { return a.range.overlaps(range); });
    if (!free || (at->value | length) % kPageSize != 0) {
        if ((at->value | length) % kPageSize != 0) space.fit = false;
        return;
    }
    if (range.overlaps(kInterruptWindow)) space.fit = false;
    const auto behind = std::ranges::find_if(space.areas, [&](const Area& a) { return a.range.start > *at; });
    space.areas.insert(behind, {range, access});
}

// As the kernel goes: one mapping after the other, up to the first that would be cut.
void Draft::unmapped(Space& space, const std::optional<IovaRange>& range) {
    if (!range) return space.areas.clear();
    while (true) {
        const auto it =
            std::ranges::find_if(space.areas, [&](const Area& a) { return a.range.overlaps(*range); });
        if (it == space.areas.end() || !range->contains(it->range)) return;
        space.areas.erase(it);
    }
}

void Draft::attached(Device& device, const Domain& to) {
    if (!device.open || !to.alive || !spaces[to.space].fit) return;
    if (device.domain.empty()) {
        for (const auto& other : devices)
            if (other.group == device.group && !other.domain.empty() && other.domain != to.name) return;
        device.domain = to.name;
        return;
    }
    for (auto& other : devices)
        if (other.group == device.group && !other.domain.empty()) other.domain = to.name;
}

// Ids are used again by the kernel, so a name whose object may be gone is not used again: it might mean
// another.
void Draft::destroyed(Domain& what) {
    if (!what.manual) spaces[what.space].doubted = true;
    if (certain && in_use(what)) return;
    what.alive = false;
    if (!what.manual) spaces[what.space].alive = false;
}

void Draft::controlled(const DeviceControl& step) {
    auto& d = device(step.device);
    if (step.verb == DeviceControl::Verb::open) d.open = true;
    if (step.verb == DeviceControl::Verb::close) {
        d.open = false;
        d.domain.clear();
    }
}

}  // namespace landfall
