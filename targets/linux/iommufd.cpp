#include "linux/iommufd.hpp"

#include <fcntl.h>
#include <linux/iommufd.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>

#include "landfall/error.hpp"

namespace landfall {
namespace {

template <class T>
Errno call(const Fd& fd, unsigned long request, T& argument) {
    argument.size = sizeof argument;
    return ::ioctl(fd.get(), request, &argument) < 0 ? Errno{errno} : Errno{};
}

std::uint32_t map_flags(std::optional<Iova> iova, Access access) {
    std::uint32_t flags = 0;
    if (iova) flags |= IOMMU_IOAS_MAP_FIXED_IOVA;
    if (access.read) flags |= IOMMU_IOAS_MAP_READABLE;
    if (access.write) flags |= IOMMU_IOAS_MAP_WRITEABLE;
    return flags;
}

std::uint64_t address(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

}  // namespace

Iommufd::Iommufd() : fd_(::open("/dev/iommu", O_RDWR | O_CLOEXEC)) {
    if (!fd_) throw LabError("cannot open /dev/iommu: " + Errno{errno}.str(), "needs root and a kernel with CONFIG_IOMMUFD");
}

Result<ObjectId> Iommufd::ioas_alloc() const {
    iommu_ioas_alloc c{};
    const auto e = call(fd_, IOMMU_IOAS_ALLOC, c);
    return {e, {c.out_ioas_id}};
}

Result<ObjectId> Iommufd::hwpt_alloc(std::uint32_t device, ObjectId ioas) const {
    iommu_hwpt_alloc c{};
    c.dev_id = device;
    c.pt_id = ioas.value;
    const auto e = call(fd_, IOMMU_HWPT_ALLOC, c);
    return {e, {c.out_hwpt_id}};
}

Errno Iommufd::destroy(ObjectId object) const {
    iommu_destroy c{};
    c.id = object.value;
    return call(fd_, IOMMU_DESTROY, c);
}

Result<Iova> Iommufd::map(ObjectId ioas, std::optional<Iova> iova, const Memory& memory, Access access) const {
    if (memory.file >= 0) {
        iommu_ioas_map_file c{};
        c.flags = map_flags(iova, access);
        c.ioas_id = ioas.value;
        c.fd = memory.file;
        c.start = memory.offset;
        c.length = memory.length;
        c.iova = iova.value_or(Iova{}).value;
        const auto e = call(fd_, IOMMU_IOAS_MAP_FILE, c);
        return {e, {c.iova}};
    }
    iommu_ioas_map c{};
    c.flags = map_flags(iova, access);
    c.ioas_id = ioas.value;
    c.user_va = address(memory.address);
    c.length = memory.length;
    c.iova = iova.value_or(Iova{}).value;
    const auto e = call(fd_, IOMMU_IOAS_MAP, c);
    return {e, {c.iova}};
}

Result<Iova> Iommufd::copy(ObjectId to, std::optional<Iova> iova, ObjectId from, IovaRange range, Access access) const {
    iommu_ioas_copy c{};
    c.flags = map_flags(iova, access);
    c.dst_ioas_id = to.value;
    c.src_ioas_id = from.value;
    c.length = range.length;
    c.dst_iova = iova.value_or(Iova{}).value;
    c.src_iova = range.start.value;
    const auto e = call(fd_, IOMMU_IOAS_COPY, c);
    return {e, {c.dst_iova}};
}

Result<std::uint64_t> Iommufd::unmap(ObjectId ioas, std::optional<IovaRange> range) const {
    iommu_ioas_unmap c{};
    c.ioas_id = ioas.value;
    c.iova = range ? range->start.value : 0;
    c.length = range ? range->length : ~0ULL;  // 0 and U64_MAX: everything (uapi/linux/iommufd.h)
    const auto e = call(fd_, IOMMU_IOAS_UNMAP, c);
    return {e, c.length};
}

Result<std::vector<IovaRange>> Iommufd::ranges(ObjectId ioas) const {
    std::array<iommu_iova_range, 64> found{};
    iommu_ioas_iova_ranges c{};
    c.ioas_id = ioas.value;
    c.num_iovas = found.size();
    c.allowed_iovas = address(found.data());
    const auto e = call(fd_, IOMMU_IOAS_IOVA_RANGES, c);
    Result<std::vector<IovaRange>> out{e, {}};
    if (!e.ok()) return out;
    for (std::uint32_t i = 0; i < c.num_iovas; ++i) {
        // All 2^64 bytes do not fit a 64-bit length: the last page is left out of such a range.
        const auto length = found[i].last - found[i].start;
        out.value.push_back({{found[i].start}, length == ~0ULL ? length - (kPageSize - 1) : length + 1});
    }
    return out;
}

Errno Iommufd::allow(ObjectId ioas, std::span<const IovaRange> ranges) const {
    std::vector<iommu_iova_range> wanted;
    for (const auto& r : ranges) wanted.push_back({r.start.value, r.last().value});
    iommu_ioas_allow_iovas c{};
    c.ioas_id = ioas.value;
    c.num_iovas = static_cast<std::uint32_t>(wanted.size());
    c.allowed_iovas = address(wanted.data());
    return call(fd_, IOMMU_IOAS_ALLOW_IOVAS, c);
}

Errno Iommufd::huge_pages(ObjectId ioas, bool on) const {
    iommu_option c{};
    c.option_id = IOMMU_OPTION_HUGE_PAGES;
    c.op = IOMMU_OPTION_OP_SET;
    c.object_id = ioas.value;
    c.val64 = on ? 1 : 0;
    return call(fd_, IOMMU_OPTION, c);
}

bool Iommufd::has_map_file() const {
    iommu_ioas_map_file c{};  // names no file and no IOAS: any answer but ENOTTY shows that the call exists
    c.fd = -1;
    return call(fd_, IOMMU_IOAS_MAP_FILE, c).value != ENOTTY;
}

}  // namespace landfall
