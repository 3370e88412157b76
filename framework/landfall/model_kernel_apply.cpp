// The second half of the kernel's model: how its state moves on.
#include <algorithm>
#include <set>

#include "landfall/model_kernel.hpp"
#include "landfall/validate.hpp"

namespace landfall {

KernelModel::Changes KernelModel::appeared(const DeviceFact& fact) {
    if (fact.name == "-") return {};
    const auto [it, is_new] = now_.devices.own().try_emplace(fact.name);
    auto& device = it->second;
    device.group = fact.group;
    if (!rules_->per_device)
        device.unit = fact.group;
    else if (is_new)
        device.unit = static_cast<UnitId>(now_.devices->size());
    now_.units.own().try_emplace(device.unit);
    return {DeviceAppeared{fact.name, device.unit}};
}

void KernelModel::learn(const TextFact& fact) {
    if (fact.key == "iommu") now_.iommu = &iommu_rules(fact.value);
    if (fact.key == "kernel") now_.kernel = KernelRelease::parse(fact.value);
    if (fact.key == "feature" && by_trace_)
        if (const auto api = parse_api(fact.value)) rules_ = &kernel_rules_of(*api);
}

std::vector<Change> KernelModel::fact(const Fact& fact) {
    return std::visit(Overloaded{
                          [&](const DeviceFact& f) { return appeared(f); },
                          [&](const StagingFact& f) {
                              now_.staging = f.range;
                              return Changes{};
                          },
                          [&](const ReservedFact& f) {
                              now_.reserved.own()[f.group].push_back(f.range);
                              return Changes{};
                          },
                          [&](const TextFact& f) {
                              learn(f);
                              return Changes{};
                          },
                          [](const EndFact&) { return Changes{}; },
                      },
                      fact);
}

void KernelModel::make_hwpt(const HwptId& id, HwptState state) {
    auto& space = ioas(state.ioas);
    if (now_.hwpts.own().emplace(id, std::move(state)).second) ++space.domains;
}

KernelModel::Changes KernelModel::destroy_hwpt(const HwptId& id) {
    auto& space = ioas(now_.hwpts->at(id).ioas);
    now_.hwpts.own().erase(id);
    return --space.domains == 0 ? space.do_empty() : Changes{};
}

KernelModel::Changes KernelModel::let_go(const HwptId& id) {
    const auto& h = now_.hwpts->at(id);
    return (h.automatic || h.doomed) && users(id) == 0 ? destroy_hwpt(id) : Changes{};
}

// The window the lab maps before anything else: one page that tells IOASes apart, then rings and patterns.
KernelModel::Changes KernelModel::do_ioas(const Ioas& step) {
    const SpaceId id{now_.ioases->size()};
    now_.ioases.own().emplace(step.name, IoasModel(rules_->space, id, step.name));
    auto& space = ioas(step.name);
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

std::optional<KernelModel::HwptId> KernelModel::rewrite_book(const std::string& device,
                                                             const HwptId& target) {
    auto& books = unit_of(device).books;
    const auto node = books.extract(device);
    if (!node.empty()) ioas(now_.hwpts->at(node.mapped()).ioas).do_release(device);
    books.emplace(device, target);
    ioas(now_.hwpts->at(target).ioas).do_reserve(device, reserved_of(device));
    return node.empty() ? std::nullopt : std::optional(node.mapped());
}

KernelModel::Changes KernelModel::do_attach(const Attach& step) {
    const auto to = wanted(step.domain);
    if (!to) return {};
    const auto space = to->ioas->id();
    const auto target = to->hwpt.value_or(to->ioas->name());
    if (!to->hwpt) make_hwpt(target, {to->ioas->name(), true});
    auto& unit = unit_of(step.device);
    const auto book = unit.books.find(step.device);
    if (book != unit.books.end() && book->second == target) {
        if (!now_.doubled.contains(step.domain)) return {};
        return {GroupMoved{now_.devices->at(step.device).unit, space, target}};
    }
    // Every attached member moves along, with its reference and its reserved ranges; but see own_books.
    std::set<std::string> movers{step.device};
    if (!rules_->own_books)
        for (const auto& [member, id] : unit.books) movers.insert(member);
    std::set<HwptId> left;
    for (const auto& member : movers)
        if (const auto old = rewrite_book(member, target); old && *old != target) left.insert(*old);
    Changes changes;
    if (unit.hwpt != target)
        changes.emplace_back(GroupMoved{now_.devices->at(step.device).unit, space, target});
    unit.hwpt = target;
    if (rules_->own_books) changes.emplace_back(DeviceDeclared{step.device, space, target});
    for (const auto& id : left) std::ranges::move(let_go(id), std::back_inserter(changes));
    return changes;
}

KernelModel::Changes KernelModel::do_detach(const std::string& device) {
    auto& unit = unit_of(device);
    const auto node = unit.books.extract(device);
    if (node.empty()) return {};
    Changes changes;
    ioas(now_.hwpts->at(node.mapped()).ioas).do_release(device);
    if (rules_->own_books) changes.emplace_back(DeviceDeclared{device, std::nullopt, {}});
    // The last one that holds what the group is on leaves the group blocked. Where members' books differ
    // (2023) this is the plain reading, as nothing is written: a page table is not used without a reference
    // to it.
    const auto held = [&](const auto& entry) { return entry.second == unit.hwpt; };
    if (unit.hwpt && std::ranges::none_of(unit.books, held)) {
        unit.hwpt.reset();
        changes.emplace_back(GroupMoved{now_.devices->at(device).unit, std::nullopt, {}});
    }
    std::ranges::move(let_go(node.mapped()), std::back_inserter(changes));
    return changes;
}

KernelModel::Changes KernelModel::do_control(const DeviceControl& step) {
    auto& device = now_.devices.own().at(step.device);
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

KernelModel::Changes KernelModel::do_destroy(const Destroy& step) {
    if (now_.ioases->contains(step.object)) {
        ioas(step.object).alive = false;
    } else if (const auto id = hwpt(step.object)) {
        now_.hwpts.own().at(*id).doomed = true;
        return let_go(*id);
    }
    return {};
}

bool KernelModel::has_objects(const Step& step) const {
    const auto devices = devices_of(step);
    if (!std::ranges::all_of(devices, [&](const auto& name) { return now_.devices->contains(name); }))
        return false;
    const auto space = [&](const std::string& name) { return now_.ioases->contains(name); };
    return std::visit(
        Overloaded{
            [&](const Ioas& s) { return !space(s.name); },
            [&](const Hwpt& s) { return space(s.ioas); },
            [&](const Map& s) { return space(s.ioas) && now_.buffers->contains(s.memory.buffer); },
            [&](const IoasCopy& s) { return space(s.source) && space(s.destination); },
            [&](const Unmap& s) { return space(s.ioas); },
            [&](const Allow& s) { return space(s.ioas); },
            [&](const Option& s) { return space(s.ioas); },
            [](const auto&) { return true; },
        },
        step);
}

std::vector<Change> KernelModel::apply(const Step& step, const Answer& observed) {
    if (!has_objects(step)) return {};
    const bool ok = observed.error.ok();
    const auto* copy = std::get_if<IoasCopy>(&step);
    if (copy != nullptr && !now_.taken.empty() && !ok) now_.taken.erase(print(step));
    if (const auto* s = std::get_if<Unmap>(&step); s != nullptr && !ok)
        return ioas(s->ioas).do_failed_unmap(s->range, observed.error);
    if (!ok) return {};
    const auto iova = [&](const std::optional<Iova>& fixed) {
        return fixed.value_or(Iova{observed.value.value_or(0)});
    };
    return std::visit(Overloaded{
                          [&](const Buffer& s) -> Changes {
                              now_.buffers.own().emplace(s.name, s);
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
                              if (!now_.taken.empty()) now_.taken.erase(print(step));
                              return pieces ? ioas(s.destination).do_map(iova(s.iova), *pieces) : Changes{};
                          },
                          [&](const Unmap& s) { return ioas(s.ioas).do_unmap(s.range); },
                          [&](const Attach& s) { return do_attach(s); },
                          [&](const Detach& s) { return do_detach(s.device); },
                          [&](const Destroy& s) { return do_destroy(s); },
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
