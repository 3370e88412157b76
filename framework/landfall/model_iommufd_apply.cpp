// The second half of the iommufd model: how its state moves on.
#include <algorithm>

#include "landfall/model_iommufd.hpp"
#include "landfall/validate.hpp"

namespace landfall {

IommufdModel::HwptId IommufdModel::make_hwpt(const HwptId& id, HwptState state) {
    auto& space = ioas(state.ioas);
    if (now_.hwpts.emplace(id, std::move(state)).second) ++space.domains;
    return id;
}

void IommufdModel::destroy_hwpt(const HwptId& id) {
    const auto it = now_.hwpts.find(id);
    --ioas(it->second.ioas).domains;
    now_.hwpts.erase(it);
}

void IommufdModel::drop_user(const HwptId& id, unsigned users) {
    auto& h = now_.hwpts.at(id);
    h.users -= users;
    if ((h.automatic || h.doomed) && h.users == 0) destroy_hwpt(id);
}

// The window the lab maps before anything else: one page that tells IOASes apart, then rings and patterns.
IommufdModel::Changes IommufdModel::do_ioas(const Ioas& step) {
    const SpaceId id{now_.ioases.size()};
    auto& space = now_.ioases.emplace(step.name, IoasModel(id, step.name)).first->second;
    Changes changes{SpaceMade{id, step.name}};
    if (step.bare || !now_.staging) return changes;
    Area beacon, rest;
    beacon.range.length = std::min(now_.staging->length, kPageSize);
    beacon.access = beacon.tolerated = {true, true};
    beacon.memory.buffer = "beacon." + step.name;
    rest = beacon;
    rest.memory.buffer.clear();
    rest.range.length = now_.staging->length - beacon.range.length;
    std::vector<Area> window{beacon};
    if (rest.range.length > 0) window.push_back(rest);
    std::ranges::move(space.do_map(now_.staging->start, window), std::back_inserter(changes));
    return changes;
}

IommufdModel::Changes IommufdModel::do_attach(const Attach& step) {
    const auto to = wanted(step.domain);
    auto& group = now_.groups.at(now_.devices.at(step.device).group);
    if (!to) return {};
    const auto target_ioas = to->ioas->name();
    const bool joins = group.attached.insert(step.device).second;
    const auto old = group.hwpt;
    const auto target = to->hwpt ? *to->hwpt : make_hwpt(target_ioas, {target_ioas, true});
    if (old == target) {
        if (joins) ++now_.hwpts.at(target).users;
        ioas(target_ioas).do_reserve(step.device, group.reserved);
        return {};
    }
    // Every attached member moves along, with its reference and its reserved ranges.
    const auto members = static_cast<unsigned>(group.attached.size());
    for (const auto& member : group.attached) {
        if (old) ioas(now_.hwpts.at(*old).ioas).do_release(member);
        ioas(target_ioas).do_reserve(member, group.reserved);
    }
    now_.hwpts.at(target).users += members;
    group.hwpt = target;
    if (old) drop_user(*old, joins ? members - 1 : members);
    const auto group_number = now_.devices.at(step.device).group;
    return {GroupMoved{group_number, ioas(target_ioas).id(), target}};
}

IommufdModel::Changes IommufdModel::do_detach(const std::string& device) {
    const auto number = now_.devices.at(device).group;
    auto& group = now_.groups.at(number);
    if (group.attached.erase(device) == 0) return {};
    const auto id = *group.hwpt;
    ioas(now_.hwpts.at(id).ioas).do_release(device);
    drop_user(id, 1);
    if (!group.attached.empty()) return {};
    group.hwpt.reset();
    return {GroupMoved{number, std::nullopt, {}}};
}

IommufdModel::Changes IommufdModel::do_control(const DeviceControl& step) {
    auto& device = now_.devices.at(step.device);
    switch (step.verb) {
        case DeviceControl::Verb::open: device.open = true; return {DeviceGated{step.device, true}};
        case DeviceControl::Verb::close: {
            device.open = false;
            auto changes = do_detach(step.device);
            changes.emplace_back(DeviceGated{step.device, false});
            return changes;
        }
        case DeviceControl::Verb::reset:
            // What is in flight may be lost; afterwards the device works as before.
            return {DeviceGated{step.device, false}, DeviceGated{step.device, true}};
    }
    return {};
}

void IommufdModel::do_destroy(const Destroy& step) {
    if (const auto it = now_.ioases.find(step.object); it != now_.ioases.end()) {
        it->second.alive = false;
    } else if (const auto id = hwpt(step.object)) {
        if (now_.hwpts.at(*id).users == 0)
            destroy_hwpt(*id);
        else
            now_.hwpts.at(*id).doomed = true;
    }
}

bool IommufdModel::has_objects(const Step& step) const {
    const auto devices = devices_of(step);
    if (!std::ranges::all_of(devices, [&](const auto& name) { return now_.devices.contains(name); }))
        return false;
    const auto space = [&](const std::string& name) { return now_.ioases.contains(name); };
    return std::visit(
        Overloaded{
            [&](const Ioas& s) { return !space(s.name); },
            [&](const Hwpt& s) { return space(s.ioas); },
            [&](const Map& s) { return space(s.ioas) && now_.buffers.contains(s.memory.buffer); },
            [&](const IoasCopy& s) { return space(s.source) && space(s.destination); },
            [&](const Unmap& s) { return space(s.ioas); },
            [&](const Allow& s) { return space(s.ioas); },
            [&](const Option& s) { return space(s.ioas); },
            [](const auto&) { return true; },
        },
        step);
}

std::vector<Change> IommufdModel::apply(const Step& step, const Answer& observed) {
    if (!has_objects(step)) return {};
    const bool ok = observed.error.ok();
    // An UNMAP that fails with ENOENT has removed what came before the mapping it would have cut (K4).
    if (const auto* s = std::get_if<Unmap>(&step)) {
        if (!ok && observed.error.value != ENOENT) return {};
        return ioas(s->ioas).do_unmap(s->range);
    }
    if (!ok) return {};
    const auto iova = [&](const std::optional<Iova>& fixed) {
        return fixed.value_or(Iova{observed.value.value_or(0)});
    };
    return std::visit(Overloaded{
                          [&](const Buffer& s) -> Changes {
                              now_.buffers.emplace(s.name, s);
                              return {};
                          },
                          [&](const Ioas& s) { return do_ioas(s); },
                          [&](const Hwpt& s) -> Changes {
                              make_hwpt(s.name, {s.ioas});
                              return {};
                          },
                          [&](const Map& s) { return ioas(s.ioas).do_map(iova(s.iova), memory_of(s)); },
                          [&](const IoasCopy& s) -> Changes {
                              const auto pieces = memory_of(s);
                              return pieces ? ioas(s.destination).do_map(iova(s.iova), *pieces) : Changes{};
                          },
                          [&](const Attach& s) { return do_attach(s); },
                          [&](const Detach& s) { return do_detach(s.device); },
                          [&](const Destroy& s) -> Changes {
                              do_destroy(s);
                              return {};
                          },
                          [&](const DeviceControl& s) { return do_control(s); },
                          [&](const Allow& s) -> Changes {
                              ioas(s.ioas).do_allow(s.ranges);
                              return {};
                          },
                          [&](const Option& s) -> Changes {
                              ioas(s.ioas).do_huge_pages(s.huge_pages);
                              return {};
                          },
                          [](const auto&) -> Changes { return {}; },
                      },
                      step);
}

}  // namespace landfall
