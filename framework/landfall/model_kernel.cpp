#include "landfall/model_kernel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "landfall/validate.hpp"

namespace landfall {
namespace {

// What not every kernel has. A call it has not is ENOTTY (include/uapi/linux/iommufd.h:21-35).
struct Novelty {
    bool (*is)(const Step& step);
    KernelRelease since;
    const char* call;
};
constexpr std::array<Novelty, 1> kNovelties{{
    {[](const Step& step) {
         const auto* map = std::get_if<Map>(&step);
         return map != nullptr && map->file;
     },
     {6, 13},
     "IOMMU_IOAS_MAP_FILE"},
}};

// The steps that VFIO containers have no call for: VFIO_IOMMU_MAP_DMA wants the IOVA, and an address, not a
// file.
bool only_iommufd_has(const Step& step) {
    if (const auto* map = std::get_if<Map>(&step)) return map->file || !map->iova;
    return std::holds_alternative<Hwpt>(step) || std::holds_alternative<IoasCopy>(step) ||
           std::holds_alternative<Allow>(step) || std::holds_alternative<Option>(step);
}

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

const IoasModel* KernelModel::ioas(const std::string& name) const {
    const auto it = now_.ioases->find(name);
    return it != now_.ioases->end() && it->second->alive ? &*it->second : nullptr;
}

IoasModel& KernelModel::ioas(const std::string& name) { return now_.ioases.own().at(name).own(); }

std::optional<KernelModel::HwptId> KernelModel::hwpt(const std::string& name) const {
    const auto it = now_.hwpts->find(name);
    if (it == now_.hwpts->end() || it->second.automatic || it->second.doomed) return std::nullopt;
    return name;
}

std::optional<KernelModel::Wanted> KernelModel::wanted(const std::string& domain) const {
    if (const auto* space = ioas(domain))
        return Wanted{space, now_.hwpts->contains(domain) ? std::optional(domain) : std::nullopt};
    const auto id = hwpt(domain);
    if (!id) return std::nullopt;
    return Wanted{&*now_.ioases->at(now_.hwpts->at(*id).ioas), id};
}

const KernelModel::Unit& KernelModel::unit_of(const std::string& device) const {
    return *now_.units->at(now_.devices->at(device).unit);
}

KernelModel::Unit& KernelModel::unit_of(const std::string& device) {
    return now_.units.own().at(now_.devices->at(device).unit).own();
}

const std::vector<IovaRange>& KernelModel::reserved_of(const std::string& device) const {
    static const std::vector<IovaRange> none;
    const auto it = now_.reserved->find(now_.devices->at(device).group);
    return it == now_.reserved->end() ? none : it->second;
}

std::size_t KernelModel::users(const HwptId& id) const {
    std::size_t n = 0;
    for (const auto& [number, unit] : *now_.units)
        n += static_cast<std::size_t>(
            std::ranges::count_if(unit->books, [&](const auto& entry) { return entry.second == id; }));
    return n;
}

Access KernelModel::tolerated(Access access) const {
    return now_.iommu->write_is_readable ? Access{access.read || access.write, access.write} : access;
}

std::vector<Area> KernelModel::memory_of(const Map& step) const {
    const auto& b = now_.buffers->at(step.memory.buffer);
    const auto span = step.memory.span.value_or(b.whole());
    Area a;
    a.range = {Iova{}, span.length};
    a.access = step.access;
    a.tolerated = tolerated(step.access);
    a.memory = {b.name, b.skew + span.offset, b.skew};
    a.writable_pages = step.access.write;
    if (b.read_only && step.access.write && !step.file) a.unpinnable = {b.skew + b.read_only->offset, b.read_only->length};
    return {a};
}

std::optional<std::vector<Area>> KernelModel::memory_of(const IoasCopy& step) const {
    if (!now_.taken.empty())
        if (const auto it = now_.taken.find(print(Step{step})); it != now_.taken.end()) return it->second;
    const auto* source = ioas(step.source);
    auto pieces = source == nullptr ? std::nullopt : source->slices(step.range);
    if (!pieces) return std::nullopt;
    if (pieces->size() > 1 && mappings() + pieces->size() > kMostMappings)
        throw TooManyMappings(fmt::format("more than {} mappings at once", kMostMappings));
    for (auto& p : *pieces) {
        p.access = step.access;
        p.tolerated = tolerated(step.access);
    }
    return pieces;
}

std::size_t KernelModel::mappings() const {
    std::size_t n = 0;
    for (const auto& [name, space] : *now_.ioases) n += space->mappings();
    return n;
}

bool KernelModel::same_state(const Model& other) const {
    const auto* same = dynamic_cast<const KernelModel*>(&other);
    return same != nullptr && rules_ == same->rules_ && now_ == same->now_;
}

// ---- what the kernel must answer --------------------------------------------------------------------------

Prediction KernelModel::predict_map(const Map& step) const {
    if (!now_.buffers->contains(step.memory.buffer)) return no_opinion();
    const auto* space = ioas(step.ioas);
    return space == nullptr ? gone(step.ioas) : space->map(step.iova, memory_of(step));
}

Prediction KernelModel::predict_copy(const IoasCopy& step) const {
    const auto pieces = memory_of(step);
    if (!pieces && ioas(step.source) == nullptr) return gone(step.source);
    if (!pieces)
        return refuse(ENOENT,
                      fmt::format("{} is not mapped throughout in '{}'", print(step.range), step.source));
    const auto* space = ioas(step.destination);
    return space == nullptr ? gone(step.destination) : space->map(step.iova, *pieces);
}

Prediction KernelModel::predict_table(const IoasModel& space) const {
    const auto since = now_.iommu->early_tables_since;
    if (!since || (now_.kernel && *now_.kernel >= *since)) return space.add_domain();
    // Its page sizes are as unknown as its aperture: EINVAL if the smallest comes out larger than a page.
    auto out = refuse(EADDRINUSE, "this IOMMU's driver has no page table before a device is attached");
    out.allowed.push_back({EINVAL});
    if (space.mappings() == 0 || !now_.kernel)
        std::ranges::move(space.add_domain().allowed, std::back_inserter(out.allowed));
    return out;
}

Prediction KernelModel::predict_hwpt(const Hwpt& step) const {
    if (!now_.devices->at(step.device).open) return {{}, true, std::nullopt, step.device + " is closed"};
    const auto* space = ioas(step.ioas);
    // hw_pagetable.c iommufd_hwpt_alloc: an unknown parent is EINVAL, unlike everywhere else.
    return space == nullptr ? refuse(EINVAL, fmt::format("'{}' does not exist", step.ioas))
                            : predict_table(*space);
}

Prediction KernelModel::predict_attach(const Attach& step) const {
    if (!now_.devices->at(step.device).open) return {{}, true, std::nullopt, step.device + " is closed"};
    const auto to = wanted(step.domain);
    if (!to) return gone(step.domain);
    const auto& unit = unit_of(step.device);
    if (unit.books.contains(step.device)) return predict_replace(step.device, *to);
    // A further member joins its group, or stays where it is. What the series of 2023 answered to one that
    // asks for what a sibling's books name while the group is elsewhere is not written down; the plain
    // reading is that the group decides here, too.
    if (unit.hwpt && unit.hwpt != to->hwpt)
        return refuse(
            EINVAL,
            fmt::format("the group is attached to '{}', and only a member that is attached may move it",
                        *unit.hwpt));
    const auto reserve = to->ioas->reserve(reserved_of(step.device));
    // The first attach to an IOAS reserves first and fills the new page table afterwards.
    return to->hwpt ? reserve : then(reserve, to->ioas->add_domain());
}

// By the books of the device. In Linux they name what the group is on. In the series of 2023 ("Replace should
// be a NOP if the group is already linked to the right domain") they may not: then asking for what they name
// is a NOP although the group is elsewhere, and asking for what the group is on moves nothing but the books.
Prediction KernelModel::predict_replace(const std::string& device, const Wanted& to) const {
    const auto& from = unit_of(device).books.at(device);
    if (from == to.hwpt) return fine();
    // vfio_group_set_container(): EINVAL for a group that is in a container.
    if (!rules_->replaces)
        return refuse(
            EINVAL,
            fmt::format("the group is in '{}'; there is no replace, it must be detached first", from));
    // A replace fills the new page table first and reserves, for every member that moves, afterwards.
    const bool stays = now_.hwpts->at(from).ioas == to.ioas->name();
    const auto reserve = stays ? fine() : to.ioas->reserve(reserved_of(device));
    return to.hwpt ? reserve : then(predict_table(*to.ioas), reserve);
}

Prediction KernelModel::predict_destroy(const Destroy& step) const {
    auto out = fine();
    if (const auto* space = ioas(step.object)) {
        if (space->domains > 0 && rules_->busy_while_used)
            out = refuse(EBUSY, fmt::format("'{}' has {} page table(s)", step.object, space->domains));
    } else if (const auto id = hwpt(step.object)) {
        if (const auto n = users(*id); n > 0)
            out = refuse(EBUSY, fmt::format("{} device(s) are attached to '{}'", n, step.object));
    } else {
        return gone(step.object);
    }
    return out;
}

Prediction KernelModel::predict_control(const DeviceControl& step) const {
    const bool open = now_.devices->at(step.device).open;
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

Prediction KernelModel::predict(const Step& step) const {
    for (const auto& name : devices_of(step))
        if (!now_.devices->contains(name)) return no_opinion();
    if (!rules_->iommufd_calls && only_iommufd_has(step))
        return refuse(ENOTTY, "VFIO containers have no call for it");
    bool may_lack = false;
    for (const auto& novelty : kNovelties) {
        if (!novelty.is(step)) continue;
        if (now_.kernel && *now_.kernel < novelty.since)
            return refuse(ENOTTY, fmt::format("this kernel has no {}", novelty.call));
        may_lack = !now_.kernel;
    }
    auto out = predict_call(step);
    if (may_lack && !out.allowed.empty()) out.allowed.push_back({ENOTTY});
    return out;
}

Prediction KernelModel::predict_call(const Step& step) const {
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
                return now_.devices->at(s.device).open
                           ? fine()
                           : Prediction{{}, true, std::nullopt, s.device + " is closed"};
            },
            [&](const Destroy& s) { return predict_destroy(s); },
            [&](const DeviceControl& s) { return predict_control(s); },
            [&](const Ranges& s) { return in(s.ioas, [](const IoasModel& i) { return i.list_ranges(); }); },
            [&](const Allow& s) { return in(s.ioas, [&](const IoasModel& i) { return i.allow(s.ranges); }); },
            [&](const Option& s) {
                return in(s.ioas, [&](const IoasModel& i) { return i.huge_pages(s.huge_pages); });
            },
            [](const auto&) { return no_opinion(); },
        },
        step);
}

UnmapNext KernelModel::next_unmapped(const Unmap& step) const {
    const auto* space = ioas(step.ioas);
    return space == nullptr ? UnmapNext{} : space->next_unmapped(step.range);
}

bool KernelModel::take_source(const IoasCopy& step) {
    auto pieces = memory_of(step);
    if (!pieces) return false;
    now_.taken[print(Step{step})] = std::move(*pieces);
    return true;
}

std::string KernelModel::objection(const Step& step, const Answer& answer) const {
    if (!answer.error.ok()) return {};
    const auto chosen = [&](const std::string& name,
                            const std::optional<std::vector<Area>>& pieces) -> std::string {
        const auto* space = ioas(name);
        if (space == nullptr || !pieces) return {};
        if (!answer.value) return "the IOVA the kernel chose is missing";
        return space->object_to_iova(Iova{*answer.value}, *pieces);
    };
    return std::visit(
        Overloaded{
            [&](const Ranges& s) {
                const auto* space = ioas(s.ioas);
                return space == nullptr ? std::string() : space->object_to_ranges(answer.ranges);
            },
            [&](const Map& s) {
                if (s.iova || !now_.buffers->contains(s.memory.buffer)) return std::string();
                return chosen(s.ioas, memory_of(s));
            },
            [&](const IoasCopy& s) { return s.iova ? std::string() : chosen(s.destination, memory_of(s)); },
            [&](const Attach& s) {
                if (!answer.value) return std::string();
                return fmt::format("the answer names object {}, which is not the page table that the device got with '{}'",
                                   *answer.value, s.domain);
            },
            [](const auto&) { return std::string(); },
        },
        step);
}

}  // namespace landfall
