#include "linux/container.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>

namespace landfall {
namespace {

template <class T>
Errno call(const Fd& fd, unsigned long request, T argument) {
    return ::ioctl(fd.get(), request, argument) < 0 ? Errno{errno} : Errno{};
}

// All 2^64 bytes do not fit a 64-bit length: the last page is left out of such a range.
IovaRange closed_range(std::uint64_t first, std::uint64_t last) {
    const auto length = last - first;
    return {Iova{first}, length == ~0ULL ? length - (kPageSize - 1) : length + 1};
}

/// The usable IOVAs among the capabilities behind VFIO_IOMMU_GET_INFO.
std::vector<IovaRange> iova_ranges(std::span<const std::byte> info, std::uint32_t first) {
    const auto at = [&](std::size_t offset, auto& to) {
        if (offset + sizeof to > info.size()) return false;
        std::memcpy(&to, info.data() + offset, sizeof to);
        return true;
    };
    std::vector<IovaRange> out;
    vfio_info_cap_header header{};
    // Each capability lies behind the one before, so this ends.
    for (std::uint32_t offset = first; offset != 0 && at(offset, header); offset = header.next) {
        if (header.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
            vfio_iommu_type1_info_cap_iova_range list{};
            if (!at(offset, list)) break;
            vfio_iova_range range{};
            for (std::uint32_t i = 0; i < list.nr_iovas && at(offset + sizeof list + i * sizeof range, range); ++i)
                out.push_back(closed_range(range.start, range.end));
        }
        if (header.next <= offset) break;
    }
    return out;
}

}  // namespace

// ---- groups -----------------------------------------------------------------------------------------------

Errno VfioGroup::open() {
    fd_ = Fd(::open(fmt::format("/dev/vfio/{}", number_).c_str(), O_RDWR | O_CLOEXEC));
    return fd_ ? Errno{} : Errno{errno};
}

Errno VfioGroup::set_container(int container) const { return call(fd_, VFIO_GROUP_SET_CONTAINER, &container); }
Errno VfioGroup::unset_container() const { return call(fd_, VFIO_GROUP_UNSET_CONTAINER, nullptr); }

Result<Fd> VfioGroup::device(const Bdf& bdf) const {
    Fd fd(::ioctl(fd_.get(), VFIO_GROUP_GET_DEVICE_FD, bdf.str().c_str()));
    const auto e = fd ? Errno{} : Errno{errno};
    return {e, std::move(fd)};
}

// ---- containers -------------------------------------------------------------------------------------------

Errno Container::open(bool compat) {
    compat_ = compat;
    fd_ = Fd(::open(compat ? "/dev/iommu" : "/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
    if (!fd_) return {errno};
    return compat ? make_ioas() : Errno{};
}

// The first group would bring one; made beforehand, there is one that can be mapped before that (iommufd/vfio_compat.c).
Errno Container::make_ioas() const {
    iommu_ioas_alloc made{};
    made.size = sizeof made;
    if (const auto e = call(fd_, IOMMU_IOAS_ALLOC, &made); !e.ok()) return e;
    iommu_vfio_ioas its{};
    its.size = sizeof its;
    its.ioas_id = made.out_ioas_id;
    its.op = IOMMU_VFIO_IOAS_SET;
    return call(fd_, IOMMU_VFIO_IOAS, &its);
}

void Container::close_file() {
    const std::unique_lock alone(gate_);
    fd_.reset();
}

bool Container::is_open() const {
    const std::shared_lock lock(gate_);
    return static_cast<bool>(fd_);
}

Errno Container::admit(const VfioGroup& group) {
    const std::unique_lock alone(gate_);
    if (!fd_) return {ENOENT};
    if (const auto e = group.set_container(fd_.get()); !e.ok()) return e;
    const auto e = groups_ == 0 ? equip() : Errno{};
    if (e.ok()) ++groups_;
    else (void)group.unset_container();  // with its only group the container loses what it had been given so far
    return e;
}

// The IOMMU comes with the first group: drivers/vfio/container.c, vfio_ioctl_set_iommu().
Errno Container::equip() {
    if (const auto e = call(fd_, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU); !e.ok()) return e;
    for (const auto& [iova, held] : held_.all())
        if (const auto e = map_now(iova, held.memory, held.access); !e.ok()) return e;
    held_.keep_staging();
    return {};
}

Errno Container::dismiss(const VfioGroup& group) {
    const std::unique_lock alone(gate_);
    const auto e = group.unset_container();
    if (e.ok()) --groups_;
    return e;
}

Errno Container::map(Iova iova, const Memory& memory, Access access) {
    {
        const std::shared_lock lock(gate_);
        if (!fd_) return {ENOENT};
        if (!idle()) return map_now(iova, memory, access);
    }
    const std::unique_lock alone(gate_);
    if (!fd_) return {ENOENT};
    if (idle() && held_.hold(iova, memory, access)) return {};
    return map_now(iova, memory, access);
}

Errno Container::map_now(Iova iova, const Memory& memory, Access access) const {
    vfio_iommu_type1_dma_map c{};
    c.argsz = sizeof c;
    if (access.read) c.flags |= VFIO_DMA_MAP_FLAG_READ;
    if (access.write) c.flags |= VFIO_DMA_MAP_FLAG_WRITE;
    c.vaddr = reinterpret_cast<std::uintptr_t>(memory.address);
    c.iova = iova.value;
    c.size = memory.length;
    return call(fd_, VFIO_IOMMU_MAP_DMA, &c);
}

Result<std::uint64_t> Container::unmap(const std::optional<IovaRange>& range) {
    {
        const std::shared_lock lock(gate_);
        if (!fd_) return {{ENOENT}, 0};
        if (!idle() && !held_.meets(range)) return unmap_now(range);
    }
    const std::unique_lock alone(gate_);
    if (!fd_) return {{ENOENT}, 0};
    if (idle()) {
        if (const auto bytes = held_.drop(range)) return {{}, *bytes};
        return unmap_now(range);
    }
    const auto out = unmap_now(range);
    if (out.ok()) (void)held_.drop(range);  // of the lab's window, which then does not come back
    return out;
}

Result<std::uint64_t> Container::unmap_now(const std::optional<IovaRange>& range) const {
    vfio_iommu_type1_dma_unmap c{};
    c.argsz = sizeof c;
    if (range) {
        c.iova = range->start.value;
        c.size = range->length;
    } else {
        c.flags = VFIO_DMA_UNMAP_FLAG_ALL;
    }
    const auto e = call(fd_, VFIO_IOMMU_UNMAP_DMA, &c);
    return {e, c.size};
}

Result<std::vector<IovaRange>> Container::ranges() const {
    const std::shared_lock lock(gate_);
    if (!fd_) return {{ENOENT}, {}};
    // A list of ranges is short; with all other capabilities it stays far below this.
    alignas(vfio_iommu_type1_info) std::array<std::byte, 16384> room{};
    vfio_iommu_type1_info info{};
    info.argsz = room.size();
    std::memcpy(room.data(), &info, sizeof info);
    if (const auto e = call(fd_, VFIO_IOMMU_GET_INFO, room.data()); !e.ok()) return {e, {}};
    std::memcpy(&info, room.data(), sizeof info);
    if ((info.flags & VFIO_IOMMU_INFO_CAPS) == 0 || info.argsz > room.size()) return {{EMSGSIZE}, {}};
    return {{}, iova_ranges(room, info.cap_offset)};
}

}  // namespace landfall
