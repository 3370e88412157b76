#include "observe/requests.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace landfall {
namespace {

struct Name {
    FileKind kind;
    unsigned number;  ///< below the type ';'
    const char* name;
    bool beside_the_point = false;
};

using enum FileKind;

// include/uapi/linux/iommufd.h and vfio.h of Linux 7.3. Numbers, not macros: the headers may be older than
// the kernel.
constexpr std::array kNames{
    Name{iommufd, 0x80, "IOMMU_DESTROY"},
    Name{iommufd, 0x81, "IOMMU_IOAS_ALLOC"},
    Name{iommufd, 0x82, "IOMMU_IOAS_ALLOW_IOVAS"},
    Name{iommufd, 0x83, "IOMMU_IOAS_COPY"},
    Name{iommufd, 0x84, "IOMMU_IOAS_IOVA_RANGES"},
    Name{iommufd, 0x85, "IOMMU_IOAS_MAP"},
    Name{iommufd, 0x86, "IOMMU_IOAS_UNMAP"},
    Name{iommufd, 0x87, "IOMMU_OPTION"},
    Name{iommufd, 0x88, "IOMMU_VFIO_IOAS"},
    Name{iommufd, 0x89, "IOMMU_HWPT_ALLOC"},
    Name{iommufd, 0x8a, "IOMMU_GET_HW_INFO"},
    Name{iommufd, 0x8b, "IOMMU_HWPT_SET_DIRTY_TRACKING"},
    Name{iommufd, 0x8c, "IOMMU_HWPT_GET_DIRTY_BITMAP"},
    Name{iommufd, 0x8d, "IOMMU_HWPT_INVALIDATE"},
    Name{iommufd, 0x8e, "IOMMU_FAULT_QUEUE_ALLOC"},
    Name{iommufd, 0x8f, "IOMMU_IOAS_MAP_FILE"},
    Name{iommufd, 0x90, "IOMMU_VIOMMU_ALLOC"},
    Name{iommufd, 0x91, "IOMMU_VDEVICE_ALLOC"},
    Name{iommufd, 0x92, "IOMMU_IOAS_CHANGE_PROCESS"},
    Name{iommufd, 0x93, "IOMMU_VEVENTQ_ALLOC"},
    Name{iommufd, 0x94, "IOMMU_HW_QUEUE_ALLOC"},
    Name{iommufd, 0x95, "IOMMU_IOAS_NOIOMMU_GET_PA"},
    Name{container, 0x64, "VFIO_GET_API_VERSION", true},
    Name{container, 0x65, "VFIO_CHECK_EXTENSION", true},
    Name{container, 0x66, "VFIO_SET_IOMMU"},
    Name{container, 0x70, "VFIO_IOMMU_GET_INFO"},
    Name{container, 0x71, "VFIO_IOMMU_MAP_DMA"},
    Name{container, 0x72, "VFIO_IOMMU_UNMAP_DMA"},
    Name{container, 0x75, "VFIO_IOMMU_DIRTY_PAGES"},
    Name{group, 0x67, "VFIO_GROUP_GET_STATUS", true},
    Name{group, 0x68, "VFIO_GROUP_SET_CONTAINER"},
    Name{group, 0x69, "VFIO_GROUP_UNSET_CONTAINER"},
    Name{group, 0x6a, "VFIO_GROUP_GET_DEVICE_FD"},
    Name{device, 0x6b, "VFIO_DEVICE_GET_INFO", true},
    Name{device, 0x6c, "VFIO_DEVICE_GET_REGION_INFO", true},
    Name{device, 0x6d, "VFIO_DEVICE_GET_IRQ_INFO", true},
    Name{device, 0x6e, "VFIO_DEVICE_SET_IRQS", true},
    Name{device, 0x6f, "VFIO_DEVICE_RESET"},
    Name{device, 0x70, "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", true},
    Name{device, 0x71, "VFIO_DEVICE_PCI_HOT_RESET"},
    Name{device, 0x72, "VFIO_DEVICE_QUERY_GFX_PLANE", true},
    Name{device, 0x73, "VFIO_DEVICE_GET_GFX_DMABUF", true},
    Name{device, 0x74, "VFIO_DEVICE_IOEVENTFD", true},
    Name{device, 0x75, "VFIO_DEVICE_FEATURE"},
    Name{device, 0x76, "VFIO_DEVICE_BIND_IOMMUFD"},
    Name{device, 0x77, "VFIO_DEVICE_ATTACH_IOMMUFD_PT"},
    Name{device, 0x78, "VFIO_DEVICE_DETACH_IOMMUFD_PT"},
};

// An iommufd takes a container's calls as well.
const Name* find(FileKind kind, std::uint64_t request) {
    const auto is = [&](FileKind k) {
        return [=](const Name& n) { return n.kind == k && (';' << 8U | n.number) == request; };
    };
    auto it = std::ranges::find_if(kNames, is(kind));
    if (it == kNames.end() && kind == iommufd) it = std::ranges::find_if(kNames, is(container));
    return it == kNames.end() ? nullptr : &*it;
}

}  // namespace

std::string request_name(FileKind kind, std::uint64_t request) {
    const auto* name = find(kind, request);
    return name != nullptr ? name->name : fmt::format("ioctl-{:#x}", request);
}

bool is_beside_the_point(FileKind kind, std::uint64_t request) {
    const auto* name = find(kind, request);
    return name != nullptr && name->beside_the_point;
}

}  // namespace landfall
