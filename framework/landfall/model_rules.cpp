#include "landfall/model_rules.hpp"

#include <algorithm>
#include <array>

namespace landfall {
namespace {

// drivers/iommu/iommufd/io_pagetable.c
constexpr SpaceRules kIoas{};

// drivers/vfio/vfio_iommu_type1.c, version 2 of the interface: vfio_dma_do_map() looks for overlap before it
// looks at the IOVA list; vfio_dma_do_unmap() looks at both ends before it removes anything (:1447-1477);
// reserved ranges and aperture refuse a group with EINVAL; the last group takes all mappings along
// (vfio_iommu_type1_detach_group()), of which the lab maps its window again for the next one.
constexpr SpaceRules kContainer{.lasts = false,
                                .whole_pages = true,
                                .mapped_first = true,
                                .whole_unmap = true,
                                .unmaps_nothing = true,
                                .cut = EINVAL,
                                .conflict = EINVAL};

// drivers/iommu/iommufd/vfio_compat.c: an IOAS, behind the calls of a container. Where UNMAP finds nothing it says so by the
// bytes it removed.
constexpr SpaceRules kCompat{.unmaps_nothing = true};

constexpr IommuRules kPlain{""};
constexpr std::array<IommuRules, 3> kIommus{{
    // x86 page tables have a bit for writable and none for readable (drivers/iommu/generic_pt/fmt/x86_64.h:216-236).
    {.label = "vtd-firstlevel", .write_is_readable = true},
    // So has stage 1 of an SMMUv3: AP[2] says read-only (drivers/iommu/io-pgtable-arm.c, arm_lpae_prot_to_pte()).
    {.label = "smmuv3", .write_is_readable = true},
    // Before ops->domain_alloc_paging() a domain knew what it can hold when a device was attached to it and not before;
    // until then its aperture ends at 0 (drivers/iommu/virtio-iommu.c, viommu_domain_finalise(), Linux 6.12).
    {.label = "virtio", .early_tables_since = KernelRelease{6, 16}},
}};

constexpr std::array<KernelRules, 5> kRules{{
    // Linux as it is: one HWPT a group, and replace moves every member with its books
    // (drivers/iommu/iommufd/device.c:856-921).
    {.name = "iommufd", .space = kIoas},
    // What an owner assumes who reads include/uapi/linux/vfio.h:959-965 to the letter ("the hw_pagetable of
    // the
    // device") and has never heard of groups. No kernel behaves so when a group has two members.
    {.name = "per-device", .per_device = true, .space = kIoas},
    // The series reviewed in February 2023: iommu_group_replace_domain() moved the group, idev->hwpt only of
    // the device
    // it was asked for.
    {.name = "v2-2023", .own_books = true, .space = kIoas},
    // VFIO containers, all there was before 6.2. A group is in one container or in none, and keeps its container when the
    // file is closed (drivers/vfio/container.c, vfio_fops_release()).
    {.name = "type1",
     .replaces = false,
     .iommufd_calls = false,
     .busy_while_used = false,
     .space = kContainer},
    // iommufd in their place: groups as there, address spaces as here. A member that is opened is attached
    // (drivers/vfio/iommufd.c, vfio_iommufd_compat_attach_ioas()).
    {.name = "compat",
     .replaces = false,
     .iommufd_calls = false,
     .busy_while_used = false,
     .space = kCompat},
}};

}  // namespace

std::span<const KernelRules> kernel_rules() { return kRules; }

const KernelRules& kernel_rules_of(Api api) {
    // The models are named after the interfaces.
    return *std::ranges::find(kRules, api_str(api), &KernelRules::name);
}

const IommuRules& iommu_rules(std::string_view label) {
    for (const auto& rules : kIommus)
        if (label == rules.label) return rules;
    return kPlain;
}

}  // namespace landfall
