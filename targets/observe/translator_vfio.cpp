// The calls of VFIO (include/uapi/linux/vfio.h): devices, groups, containers, and an iommufd that stands for
// a container.
#include <fmt/format.h>
#include <linux/vfio.h>

#include <algorithm>
#include <array>

#include "observe/translator.hpp"

namespace landfall {
namespace {

using Verb = DeviceControl::Verb;

template <class T>
T out(const Tracee& tracee, const Ioctl& call) {
    T value{};
    (void)tracee.read(call.thread, call.argument, std::as_writable_bytes(std::span(&value, 1)));
    return value;
}

Access access_of(std::uint32_t flags) {
    return {(flags & VFIO_DMA_MAP_FLAG_READ) != 0, (flags & VFIO_DMA_MAP_FLAG_WRITE) != 0};
}

bool is_plain_map(std::uint32_t flags) {
    constexpr std::uint32_t kAccess = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
    return (flags & ~kAccess) == 0 && (flags & kAccess) != 0;
}

std::optional<IovaRange> range_of(const vfio_iommu_type1_dma_unmap& in) {
    if (in.size == 0 || in.iova + (in.size - 1) < in.iova) return std::nullopt;
    return IovaRange{Iova{in.iova}, in.size};
}

// What version 2 of the interface would have done to the mappings: nothing is cut at either end of the range.
bool cuts_nothing(const std::map<std::uint64_t, std::uint64_t>& areas, const IovaRange& range) {
    return std::ranges::none_of(areas, [&](const auto& area) {
        const IovaRange mapped{Iova{area.first}, area.second};
        return mapped.overlaps(range) && !range.contains(mapped);
    });
}

}  // namespace

// ---- devices ----------------------------------------------------------------------------------------------

void Translator::device_call(const Ioctl& call, Device& device) {
    if (call.request == VFIO_DEVICE_BIND_IOMMUFD) return bind(call, device);
    if (call.request == VFIO_DEVICE_RESET) return reset(call, device);
    auto* context = get<Context>(device.context);
    if (context == nullptr || context->lost) return skip(call);
    if (call.request == VFIO_DEVICE_ATTACH_IOMMUFD_PT) return attach(call, device, *context);
    if (call.request == VFIO_DEVICE_DETACH_IOMMUFD_PT) return detach(call, device, *context);
    skip(call);
}

// Why a device cannot be bound (its driver, who owns the group, interrupts) is not in the trace, save that it
// is already.
void Translator::bind(const Ioctl& call, Device& device) {
    const auto in = call.in<vfio_device_bind_iommufd>();
    if (!call.ok()) {
        if (device.open && !device.name.empty() && call.error() == Errno{EINVAL})
            return record(call, DeviceControl{Verb::open, device.name});
        return skip(call);
    }
    device.open = true;
    device.context = descriptors_.find(call.thread, in.iommufd);
    if (device.context) descriptors_.hold(*device.context);  // as the kernel does
    if (auto* context = get<Context>(device.context)) {
        context->devices[out<vfio_device_bind_iommufd>(tracee_, call).out_devid] = device.name;
        if (device.name.empty()) return lose(call, *context, "a function the rig does not name");
    } else {
        iommufd_.not_followed(device.name + " is bound to an iommufd that was not seen to be opened");
    }
    if (!device.name.empty()) record(call, DeviceControl{Verb::open, device.name});
}

void Translator::attach(const Ioctl& call, Device& device, Context& context) {
    const auto in = call.in<vfio_device_attach_iommufd_pt>();
    if (in.flags != 0) {
        if (call.ok()) return lose(call, context, "a PASID");
        return skip(call);
    }
    const auto* domain = object(call, context, in.pt_id, false);
    if (domain == nullptr) return;
    const bool replace = device.attached;
    record(call, Attach{device.name, domain->name, replace});
    if (!call.ok()) return;
    device.attached = true;
    // For an IOAS the answer is the page table that was found or made.
    const auto table = out<vfio_device_attach_iommufd_pt>(tracee_, call).pt_id;
    if (domain->kind == ObjectKind::ioas && table != in.pt_id)
        name_object(context, table, domain->name, ObjectKind::automatic);
}

void Translator::detach(const Ioctl& call, Device& device, Context& context) {
    if (call.in<vfio_device_detach_iommufd_pt>().flags != 0) {
        if (call.ok()) return lose(call, context, "a PASID");
        return skip(call);
    }
    record(call, Detach{device.name});
    if (call.ok()) device.attached = false;
}

void Translator::reset(const Ioctl& call, Device& device) {
    const bool told = call.ok() || call.error() == Errno{EINVAL} || call.error() == Errno{ENOTTY};
    if (!device.open || device.name.empty() || !told) return skip(call);
    record(call, DeviceControl{Verb::reset, device.name});
}

// ---- groups -----------------------------------------------------------------------------------------------

void Translator::group_call(const Ioctl& call, Group& group) {
    if (call.request == VFIO_GROUP_SET_CONTAINER) return set_container(call, group);
    if (call.request == VFIO_GROUP_GET_DEVICE_FD) return get_device(call, group);
    if (call.request == VFIO_GROUP_UNSET_CONTAINER && call.ok())
        leave(call.file, group);
    else
        skip(call);
}

void Translator::set_container(const Ioctl& call, Group& group) {
    if (!call.ok()) return skip(call);
    group.container = descriptors_.find(call.thread, call.in<int>());
    if (auto* container = get<Container>(group.container)) {
        container->groups.insert(call.file);
        if (container->set) join(call, *container, group);
        return;
    }
    auto* context = get<Context>(group.container);
    if (context == nullptr)
        return iommufd_.not_followed("a group is in a container that was not seen to be opened");
    if (!context->compat.empty() || context->lost) return;
    context->compat = fresh("compat");
    record(call, Ioas{context->compat, true});
}

// In a container the group was attached already; an iommufd binds the device now, and attaches it.
void Translator::get_device(const Ioctl& call, Group& group) {
    if (!call.ok()) return skip(call);
    std::array<char, 64> name{};
    std::memcpy(name.data(), call.before.data(), std::min(call.before.size(), name.size() - 1));
    const std::string text = name.data();
    auto device = make_device(text.substr(0, text.find(' ')));
    device.group = call.file;
    device.context = get<Context>(group.container) != nullptr ? group.container : std::nullopt;
    descriptors_.hold(call.file);
    if (device.context) descriptors_.hold(*device.context);
    auto* context = get<Context>(device.context);
    device.open = context != nullptr;
    const auto file = descriptors_.open(call.thread, static_cast<int>(call.result), true);
    files_.emplace(file, device);
    if (context == nullptr || context->lost) return;
    if (device.name.empty()) return lose(call, *context, "a function the rig does not name");
    record(call, DeviceControl{Verb::open, device.name});
    iommufd_.step(call.thread, {call.when.end, call.when.end}, Attach{device.name, context->compat, false},
                  Answer{});
}

void Translator::join(const Ioctl& call, Container& container, Group& group) {
    const auto name = representative(group.number);
    if (name.empty() || container.lost) return skip(call, "a group without a named function");
    if (container.name.empty()) {
        container.name = fresh("container");
        record(call, type1_, Ioas{container.name, true}, Answer{});
    }
    record(call, type1_, Attach{name, container.name, false}, Answer{});
    group.joined = true;
}

// Its container may be closed by now: what the group was attached to lasts until it leaves all the same.
void Translator::leave(FileId id, Group& group) {
    if (auto* container = get<Container>(group.container)) {
        container->groups.erase(id);
        if (container->groups.empty()) container->set = false;
    }
    if (group.joined) type1_.step(thread_, now_, Detach{representative(group.number)}, Answer{});
    group.container.reset();
    group.joined = false;
}

// ---- containers -------------------------------------------------------------------------------------------

void Translator::container_call(const Ioctl& call, Container& container) {
    if (container.lost) return skip(call, "not followed any more");
    if (call.request == VFIO_IOMMU_MAP_DMA) return container_map(call, container);
    if (call.request == VFIO_IOMMU_UNMAP_DMA) return container_unmap(call, container);
    if (call.request != VFIO_SET_IOMMU || !call.ok()) return skip(call);
    container.set = true;
    container.version1 = call.argument == VFIO_TYPE1_IOMMU;
    for (const auto id : container.groups)
        if (auto* group = get<Group>(id)) join(call, container, *group);
}

void Translator::container_map(const Ioctl& call, Container& container) {
    const auto in = call.in<vfio_iommu_type1_dma_map>();
    const bool plain =
        is_plain_map(in.flags) && container.set && !container.name.empty() && call.error() != Errno{ENOSPC};
    const auto memory = plain ? buffer(call, type1_, in.vaddr, in.size) : std::nullopt;
    if (memory)
        return record(call, type1_, Map{container.name, Iova{in.iova}, *memory, access_of(in.flags), false},
                      Answer{call.error(), {}, {}});
    skip(call);
    if (!call.ok() || (in.flags & VFIO_DMA_MAP_FLAG_VADDR) != 0) return;
    container.lost = true;
    type1_.not_followed("what this container does after memory that no buffer of a trace can stand for");
}

// Version 1 removes what begins in the range, version 2 nothing that the range would cut. The model is of
// version 2.
void Translator::container_unmap(const Ioctl& call, Container& container) {
    const auto in = call.in<vfio_iommu_type1_dma_unmap>();
    const auto removed = out<vfio_iommu_type1_dma_unmap>(tracee_, call).size;
    const bool everything = (in.flags & VFIO_DMA_UNMAP_FLAG_ALL) != 0;
    const auto range = everything ? std::nullopt : range_of(in);
    const bool as_version2 = !container.version1 || everything || (call.ok() && removed == in.size);
    if ((in.flags & VFIO_DMA_UNMAP_FLAG_VADDR) != 0 || !container.set || (!everything && !range))
        return skip(call);
    if (as_version2) {
        Answer answer{call.error(), {}, {}};
        if (call.ok()) answer.value = removed;
        return record(call, type1_, Unmap{container.name, range}, answer);
    }
    skip(call, "version 1 of the interface");
    if (!call.ok() || removed == 0) return;
    container.lost = true;
    type1_.not_followed("what this container does after an unmap of more than was asked for");
}

void Translator::compat_call(const Ioctl& call, Context& context) {
    if (call.request == VFIO_IOMMU_UNMAP_DMA && !context.compat.empty()) return compat_unmap(call, context);
    if (call.request == VFIO_SET_IOMMU && call.ok() && call.argument == VFIO_TYPE1_IOMMU &&
        !context.compat.empty()) {
        context.version1 = true;  // unmaps may cut mappings, so there are no large pages (vfio_compat.c)
        return record(call, Option{context.compat, false});
    }
    if (call.request != VFIO_IOMMU_MAP_DMA || context.compat.empty()) {
        if (request_name(FileKind::iommufd, call.request) != "VFIO_SET_IOMMU" || !call.ok()) skip(call);
        return;
    }
    const auto in = call.in<vfio_iommu_type1_dma_map>();
    const auto memory = is_plain_map(in.flags) ? buffer(call, iommufd_, in.vaddr, in.size) : std::nullopt;
    record_map(call, context,
               {context.compat, Iova{in.iova}, memory.value_or(BufferSlice{}), access_of(in.flags), false},
               memory.has_value(), in.iova);
    if (call.ok()) context.areas[in.iova] = in.size;
}

void Translator::compat_unmap(const Ioctl& call, Context& context) {
    const auto in = call.in<vfio_iommu_type1_dma_unmap>();
    const bool everything = (in.flags & VFIO_DMA_UNMAP_FLAG_ALL) != 0;
    const auto range = everything ? std::nullopt : range_of(in);
    if (!everything && !range) return skip(call);
    if (context.version1 && range && !cuts_nothing(context.areas, *range)) {
        if (call.ok())
            return lose(call, context, "version 1 of the container interface, which cuts mappings");
        return skip(call);
    }
    Answer answer{call.error(), {}, {}};
    if (call.ok()) answer.value = out<vfio_iommu_type1_dma_unmap>(tracee_, call).size;
    // Where IOMMU_IOAS_UNMAP says ENOENT as nothing is there, a container says ok, and 0 bytes.
    if (range && answer.value == 0) answer = Answer{Errno{ENOENT}, {}, {}};
    std::erase_if(context.areas, [&](const auto& a) {
        return call.ok() && (!range || range->contains(IovaRange{Iova{a.first}, a.second}));
    });
    record(call, iommufd_, Unmap{context.compat, range}, answer);
}

}  // namespace landfall
