#include "landfall/model_iommufd.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "landfall/scene.hpp"
#include "landfall/validate.hpp"

namespace landfall {
namespace {

// The kernels' differences, as data.
constexpr KernelRelease kMapFileSince{6, 13};  // IOMMU_IOAS_MAP_FILE

Prediction gone(const std::string& name) { return refuse(ENOENT, fmt::format("'{}' does not exist", name)); }
Prediction no_opinion() { return {}; }

// The kernel does the one and then, if that went well, the other.
Prediction then(const Prediction& first, const Prediction& second) {
    if (!succeeds(first)) return first;
    auto out = second;
    for (const auto& e : first.allowed)
        if (!e.ok() && std::ranges::find(out.allowed, e) == out.allowed.end()) out.allowed.push_back(e);
    return out;
}

}  // namespace

// ---- looking things up ------------------------------------------------------------------------------------

const IoasModel* IommufdModel::ioas(const std::string& name) const {
    const auto it = now_.ioases.find(name);
    return it != now_.ioases.end() && it->second.alive ? &it->second : nullptr;
}

IoasModel& IommufdModel::ioas(const std::string& name) { return now_.ioases.at(name); }

std::optional<IommufdModel::HwptId> IommufdModel::hwpt(const std::string& name) const {
    const auto it = now_.hwpts.find(name);
    if (it == now_.hwpts.end() || it->second.automatic || it->second.doomed) return std::nullopt;
    return name;
}

std::optional<IommufdModel::Wanted> IommufdModel::wanted(const std::string& domain) const {
    if (const auto* space = ioas(domain))
        return Wanted{space, now_.hwpts.contains(domain) ? std::optional(domain) : std::nullopt};
    const auto id = hwpt(domain);
    if (!id) return std::nullopt;
    return Wanted{&now_.ioases.at(now_.hwpts.at(*id).ioas), id};
}

const IommufdModel::GroupState& IommufdModel::group_of(const std::string& device) const {
    return now_.groups.at(now_.devices.at(device).group);
}

Access IommufdModel::tolerated(Access access) const {
    return now_.first_stage ? Access{access.read || access.write, access.write} : access;
}

std::vector<Area> IommufdModel::memory_of(const Map& step) const {
    const auto& b = now_.buffers.at(step.memory.buffer);
    const auto span = step.memory.span.value_or(BufferSlice::Span{0, b.size});
    Area a;
    a.range = {Iova{}, span.length};
    a.access = step.access;
    a.tolerated = tolerated(step.access);
    a.memory = {b.name, b.skew + span.offset, b.skew};
    a.writable_pages = step.access.write;
    a.unpinnable = b.read_only && step.access.write && !step.file;
    return {a};
}

std::optional<std::vector<Area>> IommufdModel::memory_of(const IoasCopy& step) const {
    const auto* source = ioas(step.source);
    auto pieces = source == nullptr ? std::nullopt : source->slices(step.range);
    if (!pieces) return std::nullopt;
    for (auto& p : *pieces) {
        p.access = step.access;
        p.tolerated = tolerated(step.access);
    }
    return pieces;
}

bool IommufdModel::same_state(const Model& other) const {
    const auto* same = dynamic_cast<const IommufdModel*>(&other);
    return same != nullptr && now_ == same->now_;
}

// ---- what the kernel must answer --------------------------------------------------------------------------

Prediction IommufdModel::predict_map(const Map& step) const {
    if (!now_.buffers.contains(step.memory.buffer)) return no_opinion();
    if (step.file && now_.map_file == false)
        return refuse(ENOTTY, "this kernel has no IOMMU_IOAS_MAP_FILE (Linux 6.13)");
    const auto* space = ioas(step.ioas);
    auto out = space == nullptr ? gone(step.ioas) : space->map(step.iova, memory_of(step));
    if (step.file && !now_.map_file) out.allowed.push_back({ENOTTY});
    return out;
}

Prediction IommufdModel::predict_copy(const IoasCopy& step) const {
    if (ioas(step.source) == nullptr) return gone(step.source);
    const auto pieces = memory_of(step);
    if (!pieces)
        return refuse(ENOENT,
                      fmt::format("{} is not mapped throughout in '{}'", print(step.range), step.source));
    const auto* space = ioas(step.destination);
    return space == nullptr ? gone(step.destination) : space->map(step.iova, *pieces);
}

Prediction IommufdModel::predict_hwpt(const Hwpt& step) const {
    if (!now_.devices.at(step.device).open) return {{}, true, std::nullopt, step.device + " is closed"};
    const auto* space = ioas(step.ioas);
    // hw_pagetable.c iommufd_hwpt_alloc: an unknown parent is EINVAL, unlike everywhere else.
    return space == nullptr ? refuse(EINVAL, fmt::format("'{}' does not exist", step.ioas))
                            : space->add_domain();
}

Prediction IommufdModel::predict_attach(const Attach& step) const {
    if (!now_.devices.at(step.device).open) return {{}, true, std::nullopt, step.device + " is closed"};
    const auto to = wanted(step.domain);
    if (!to) return gone(step.domain);
    const auto& group = group_of(step.device);
    if (group.attached.contains(step.device)) return predict_replace(group, *to);
    if (group.hwpt && group.hwpt != to->hwpt)
        return refuse(
            EINVAL,
            fmt::format("the group is attached to '{}', and only a member that is attached may move it",
                        *group.hwpt));
    const auto reserve = to->ioas->reserve(group.reserved);
    // The first attach to an IOAS reserves first and fills the new page table afterwards.
    return to->hwpt ? reserve : then(reserve, to->ioas->add_domain());
}

Prediction IommufdModel::predict_replace(const GroupState& group, const Wanted& to) const {
    if (group.hwpt == to.hwpt) return fine();
    // A replace fills the new page table first and reserves, for every attached member, afterwards.
    const bool stays = now_.hwpts.at(*group.hwpt).ioas == to.ioas->name();
    const auto reserve = stays ? fine() : to.ioas->reserve(group.reserved);
    return to.hwpt ? reserve : then(to.ioas->add_domain(), reserve);
}

Prediction IommufdModel::predict_destroy(const Destroy& step) const {
    if (const auto* space = ioas(step.object)) {
        if (space->domains == 0) return fine();
        return refuse(EBUSY, fmt::format("'{}' has {} page table(s)", step.object, space->domains));
    }
    const auto id = hwpt(step.object);
    if (!id) return gone(step.object);
    const auto users = now_.hwpts.at(*id).users;
    if (users == 0) return fine();
    return refuse(EBUSY, fmt::format("{} device(s) are attached to '{}'", users, step.object));
}

Prediction IommufdModel::predict_control(const DeviceControl& step) const {
    const bool open = now_.devices.at(step.device).open;
    switch (step.verb) {
        case DeviceControl::Verb::open:
            return open ? refuse(EINVAL, step.device + " is open already") : fine();
        case DeviceControl::Verb::close:
            if (open) return fine();
            break;
        case DeviceControl::Verb::reset:
            // Not every function can be reset alone; that is the device's answer, not the kernel's promise.
            if (open)
                return {{Errno{}, Errno{EINVAL}, Errno{ENOTTY}, Errno{EAGAIN}}, false, std::nullopt, {}};
            break;
    }
    return {{}, true, std::nullopt, step.device + " is closed"};
}

Prediction IommufdModel::predict(const Step& step) const {
    for (const auto& name : devices_of(step))
        if (!now_.devices.contains(name)) return no_opinion();
    const auto in = [this](const std::string& name, auto answer) {
        const auto* space = ioas(name);
        return space == nullptr ? gone(name) : answer(*space);
    };
    return std::visit(
        Overloaded{
            [](const Ioas&) { return fine(); },
            [&](const Hwpt& s) { return predict_hwpt(s); },
            [&](const Map& s) { return predict_map(s); },
            [&](const IoasCopy& s) { return predict_copy(s); },
            [&](const Unmap& s) { return in(s.ioas, [&](const IoasModel& i) { return i.unmap(s.range); }); },
            [&](const Attach& s) { return predict_attach(s); },
            [&](const Detach& s) {
                return now_.devices.at(s.device).open
                           ? fine()
                           : Prediction{{}, true, std::nullopt, s.device + " is closed"};
            },
            [&](const Destroy& s) { return predict_destroy(s); },
            [&](const DeviceControl& s) { return predict_control(s); },
            [&](const Ranges& s) { return in(s.ioas, [](const IoasModel&) { return fine(); }); },
            [&](const Allow& s) { return in(s.ioas, [&](const IoasModel& i) { return i.allow(s.ranges); }); },
            [&](const Option& s) {
                return in(s.ioas, [&](const IoasModel& i) { return i.huge_pages(s.huge_pages); });
            },
            [](const auto&) { return no_opinion(); },
        },
        step);
}

std::string IommufdModel::objection(const Step& step, const Answer& answer) const {
    if (!answer.error.ok()) return {};
    if (const auto* s = std::get_if<Ranges>(&step)) return ioas(s->ioas)->object_to_ranges(answer.ranges);
    const auto chosen = [&](const std::string& space, const std::vector<Area>& pieces) -> std::string {
        if (!answer.value) return "the IOVA the kernel chose is missing";
        return ioas(space)->object_to_iova(Iova{*answer.value}, pieces);
    };
    if (const auto* s = std::get_if<Map>(&step);
        s != nullptr && !s->iova && now_.buffers.contains(s->memory.buffer))
        return chosen(s->ioas, memory_of(*s));
    if (const auto* s = std::get_if<IoasCopy>(&step); s != nullptr && !s->iova)
        return chosen(s->destination, *memory_of(*s));
    return {};
}

// ---- the rig ----------------------------------------------------------------------------------------------

std::vector<Change> IommufdModel::fact(const Fact& fact) {
    Changes changes;
    std::visit(Overloaded{
                   [&](const DeviceFact& f) {
                       now_.groups.try_emplace(f.group);
                       if (f.name == "-") return;
                       now_.devices[f.name] = {f.group, true};
                       changes.emplace_back(DeviceAppeared{f.name, f.group});
                   },
                   [&](const StagingFact& f) { now_.staging = f.range; },
                   [&](const ReservedFact& f) { now_.groups[f.group].reserved.push_back(f.range); },
                   [&](const TextFact& f) {
                       if (f.key == "iommu") now_.first_stage = f.value == "vtd-firstlevel";
                       if (f.key != "kernel") return;
                       if (const auto release = KernelRelease::parse(f.value))
                           now_.map_file = *release >= kMapFileSince;
                   },
                   [](const EndFact&) {},
               },
               fact);
    return changes;
}

}  // namespace landfall
