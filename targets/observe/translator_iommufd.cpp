// The calls of an iommufd (include/uapi/linux/iommufd.h).
#include <linux/iommufd.h>

#include <algorithm>
#include <array>
#include <limits>

#include "observe/translator.hpp"

namespace landfall {
namespace {

constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint32_t kMostRanges = 4096;
constexpr std::uint32_t kMapFlags =
    IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;

Access access_of(std::uint32_t flags) {
    return {(flags & IOMMU_IOAS_MAP_READABLE) != 0, (flags & IOMMU_IOAS_MAP_WRITEABLE) != 0};
}

std::optional<Iova> fixed(std::uint32_t flags, std::uint64_t iova) {
    return (flags & IOMMU_IOAS_MAP_FIXED_IOVA) != 0 ? std::optional(Iova{iova}) : std::nullopt;
}

bool has_access(std::uint32_t flags) {
    return (flags & ~kMapFlags) == 0 && (access_of(flags).read || access_of(flags).write);
}

// A range of the grammar is not empty and does not pass the top.
std::optional<IovaRange> range_of(std::uint64_t start, std::uint64_t length) {
    if (length == 0 || start > kAll - (length - 1)) return std::nullopt;
    return IovaRange{Iova{start}, length};
}

template <class T>
T out(const Tracee& tracee, const Ioctl& call) {
    T value{};
    (void)tracee.read(call.thread, call.argument, std::as_writable_bytes(std::span(&value, 1)));
    return value;
}

}  // namespace

void Translator::iommufd_call(const Ioctl& call, Context& context) {
    if (context.lost) return skip(call, "not followed any more");
    using Handler = void (Translator::*)(const Ioctl&, Context&);
    constexpr std::array<std::pair<std::uint64_t, Handler>, 11> kHandlers{{
        {IOMMU_IOAS_ALLOC, &Translator::ioas_alloc},
        {IOMMU_HWPT_ALLOC, &Translator::hwpt_alloc},
        {IOMMU_DESTROY, &Translator::destroy},
        {IOMMU_IOAS_MAP, &Translator::map},
        {IOMMU_IOAS_MAP_FILE, &Translator::map_file},
        {IOMMU_IOAS_COPY, &Translator::copy},
        {IOMMU_IOAS_UNMAP, &Translator::unmap},
        {IOMMU_IOAS_IOVA_RANGES, &Translator::ranges},
        {IOMMU_IOAS_ALLOW_IOVAS, &Translator::allow},
        {IOMMU_OPTION, &Translator::option},
        {IOMMU_VFIO_IOAS, &Translator::vfio_ioas},
    }};
    const auto it = std::ranges::find(kHandlers, call.request, &std::pair<std::uint64_t, Handler>::first);
    if (it != kHandlers.end()) return (this->*it->second)(call, context);
    compat_call(call, context);
}

const Translator::Object* Translator::object(const Ioctl& call, Context& context, std::uint32_t id,
                                             bool ioas_only) {
    const auto it = context.objects.find(id);
    if (it != context.objects.end() && (!ioas_only || it->second.kind == ObjectKind::ioas))
        return &it->second;
    if (call.ok())
        lose(call, context, "it names an object that was not seen to be made");
    else
        skip(call, "no such object");
    return nullptr;
}

void Translator::name_object(Context& context, std::uint32_t id, std::string name, ObjectKind kind) {
    context.objects[id] = {std::move(name), kind};
}

void Translator::ioas_alloc(const Ioctl& call, Context& context) {
    if (!call.ok()) return skip(call);
    const auto name = fresh("ioas");
    name_object(context, out<iommu_ioas_alloc>(tracee_, call).out_ioas_id, name, ObjectKind::ioas);
    record(call, Ioas{name, true});
}

void Translator::hwpt_alloc(const Ioctl& call, Context& context) {
    const auto in = call.in<iommu_hwpt_alloc>();
    const auto device = context.devices.find(in.dev_id);
    const auto parent = context.objects.find(in.pt_id);
    const bool plain = device != context.devices.end() && !device->second.empty() &&
                       parent != context.objects.end() && parent->second.kind == ObjectKind::ioas &&
                       in.data_type == IOMMU_HWPT_DATA_NONE;
    if (!plain || (in.flags != 0 && !call.ok())) {
        if (call.ok()) return lose(call, context, "a nested page table, or one for a device without a name");
        return skip(call);
    }
    // What the flags ask for is the device's affair; the page table is one of the IOAS all the same.
    if (in.flags != 0) skip(call, "its flags");
    const auto name = fresh("hwpt");
    if (call.ok())
        name_object(context, out<iommu_hwpt_alloc>(tracee_, call).out_hwpt_id, name, ObjectKind::hwpt);
    record(call, Hwpt{name, parent->second.name, device->second});
}

void Translator::destroy(const Ioctl& call, Context& context) {
    const auto it = context.objects.find(call.in<iommu_destroy>().id);
    // Fault queues and the like; automatic page tables come and go by themselves.
    if (it == context.objects.end() || it->second.kind == ObjectKind::automatic) return skip(call);
    record(call, Destroy{it->second.name});
}

void Translator::record_map(const Ioctl& call, Context& context, Map map, bool known, std::uint64_t chosen) {
    if (!known) {
        if (call.ok()) return lose(call, context, "memory that no buffer of a trace can stand for");
        return skip(call);
    }
    Answer answer{call.error(), {}, {}};
    if (call.ok() && !map.iova) answer.value = chosen;
    record(call, iommufd_, std::move(map), answer);
}

void Translator::map(const Ioctl& call, Context& context) {
    const auto in = call.in<iommu_ioas_map>();
    const auto* space = object(call, context, in.ioas_id);
    if (space == nullptr) return;
    const auto memory = has_access(in.flags) ? buffer(call, iommufd_, in.user_va, in.length) : std::nullopt;
    record_map(
        call, context,
        {space->name, fixed(in.flags, in.iova), memory.value_or(BufferSlice{}), access_of(in.flags), false},
        memory.has_value(), out<iommu_ioas_map>(tracee_, call).iova);
}

void Translator::map_file(const Ioctl& call, Context& context) {
    const auto in = call.in<iommu_ioas_map_file>();
    const auto* space = object(call, context, in.ioas_id);
    if (space == nullptr) return;
    const auto memory =
        has_access(in.flags) ? buffer(call, iommufd_, in.start, in.length, in.fd) : std::nullopt;
    record_map(
        call, context,
        {space->name, fixed(in.flags, in.iova), memory.value_or(BufferSlice{}), access_of(in.flags), true},
        memory.has_value(), out<iommu_ioas_map_file>(tracee_, call).iova);
}

void Translator::copy(const Ioctl& call, Context& context) {
    const auto in = call.in<iommu_ioas_copy>();
    const auto* to = object(call, context, in.dst_ioas_id);
    if (to == nullptr) return;
    const auto* from = object(call, context, in.src_ioas_id);
    if (from == nullptr) return;
    const auto range = range_of(in.src_iova, in.length);
    if (!range || !has_access(in.flags)) return skip(call);
    Answer answer{call.error(), {}, {}};
    const auto at = fixed(in.flags, in.dst_iova);
    if (call.ok() && !at) answer.value = out<iommu_ioas_copy>(tracee_, call).dst_iova;
    record(call, iommufd_, IoasCopy{to->name, at, from->name, *range, access_of(in.flags)}, answer);
}

void Translator::unmap(const Ioctl& call, Context& context) {
    const auto in = call.in<iommu_ioas_unmap>();
    const auto* space = object(call, context, in.ioas_id);
    if (space == nullptr) return;
    const bool everything = in.iova == 0 && in.length == kAll;
    const auto range = range_of(in.iova, in.length);
    if (!everything && !range) return skip(call);
    Answer answer{call.error(), {}, {}};
    if (call.ok()) answer.value = out<iommu_ioas_unmap>(tracee_, call).length;
    record(call, iommufd_, Unmap{space->name, everything ? std::nullopt : range}, answer);
}

std::vector<IovaRange> Translator::read_ranges(const Ioctl& call, std::uint64_t address,
                                               std::uint32_t count) const {
    std::vector<iommu_iova_range> raw(std::min(count, kMostRanges));
    std::vector<IovaRange> ranges;
    if (!tracee_.read(call.thread, address, std::as_writable_bytes(std::span(raw)))) return ranges;
    for (const auto& r : raw) {
        // All 2^64 bytes do not fit a 64-bit length: the last page is left out of such a range.
        const auto length = r.last - r.start;
        if (r.last >= r.start)
            ranges.push_back({Iova{r.start}, length == kAll ? length - (kPageSize - 1) : length + 1});
    }
    return ranges;
}

void Translator::ranges(const Ioctl& call, Context& context) {
    const auto now = out<iommu_ioas_iova_ranges>(tracee_, call);
    const auto* space = object(call, context, now.ioas_id);
    if (space == nullptr) return;
    Answer answer{call.error(), {}, {}};
    if (call.ok()) answer.ranges = read_ranges(call, now.allowed_iovas, now.num_iovas);
    record(call, iommufd_, Ranges{space->name}, answer);
}

void Translator::allow(const Ioctl& call, Context& context) {
    const auto in = call.in<iommu_ioas_allow_iovas>();
    const auto* space = object(call, context, in.ioas_id);
    if (space == nullptr) return;
    auto ranges = read_ranges(call, in.allowed_iovas, in.num_iovas);
    if (ranges.size() == in.num_iovas) return record(call, Allow{space->name, std::move(ranges)});
    if (call.ok())
        lose(call, context, "more ranges than a line of a trace holds");
    else
        skip(call);
}

void Translator::option(const Ioctl& call, Context& context) {
    const auto in = call.in<iommu_option>();
    const auto it = context.objects.find(in.object_id);
    const bool huge_pages =
        in.option_id == IOMMU_OPTION_HUGE_PAGES && in.op == IOMMU_OPTION_OP_SET && in.val64 <= 1;
    if (!huge_pages || it == context.objects.end() || it->second.kind != ObjectKind::ioas) return skip(call);
    record(call, Option{it->second.name, in.val64 == 1});
}

void Translator::vfio_ioas(const Ioctl& call, Context& context) {
    const auto now = out<iommu_vfio_ioas>(tracee_, call);
    skip(call);
    if (!call.ok()) return;
    if (now.op == IOMMU_VFIO_IOAS_GET && !context.compat.empty())
        name_object(context, now.ioas_id, context.compat, ObjectKind::ioas);
    if (now.op == IOMMU_VFIO_IOAS_CLEAR) context.compat.clear();
    const auto it = context.objects.find(now.ioas_id);
    if (now.op == IOMMU_VFIO_IOAS_SET && it != context.objects.end()) context.compat = it->second.name;
}

}  // namespace landfall
