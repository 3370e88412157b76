// What the models differ in, as data: one row a model, in model_rules.cpp.
#pragma once

#include <cerrno>
#include <optional>
#include <span>
#include <string_view>

#include "landfall/api.hpp"
#include "landfall/scene.hpp"

namespace landfall {

/// How an address space answers: an IOAS of iommufd, or a VFIO container.
struct SpaceRules {
    bool lasts = true;            ///< it keeps its mappings while no group is in it, and not the lab's window only
    bool whole_pages = false;     ///< it takes nothing but whole pages, even before there is a page table
    bool mapped_first = false;    ///< MAP looks for mappings before it looks for reserved ranges
    bool whole_unmap = false;     ///< an UNMAP that fails has removed nothing
    bool unmaps_nothing = false;  ///< UNMAP of a range that maps nothing is ok, and 0 bytes
    int cut = ENOENT;             ///< UNMAP would cut a mapping
    int conflict = EADDRINUSE;    ///< a mapping lies where the device, or its IOMMU, cannot have one
    bool operator==(const SpaceRules&) const = default;
};

/// How groups, attachments and objects behave.
struct KernelRules {
    const char* name;
    bool per_device = false;  ///< a device has a domain to itself, whatever its group
    bool own_books = false;   ///< a replace moves the whole group, but only the caller's books
    bool replaces = true;     ///< an attached device may be attached elsewhere
    bool iommufd_calls =
        true;  ///< there are HWPTs, copies, allowed ranges, options, automatic IOVAs, map-file
    bool busy_while_used = true;  ///< an object in use cannot be destroyed
    SpaceRules space;
};

/// What differs from IOMMU to IOMMU, whatever the kernel's other promises are. By the label of the fact `iommu`.
struct IommuRules {
    const char* label;
    bool write_is_readable = false;  ///< the page table format cannot say "write, but do not read"
    /// Before it a page table for an IOAS with mappings can be made only while a device is attached to it.
    std::optional<KernelRelease> early_tables_since{};
    bool operator==(const IommuRules&) const = default;
};

/// Those of an IOMMU that nothing is known of if it is not in the table.
[[nodiscard]] const IommuRules& iommu_rules(std::string_view label);

/// Every model there is; the first is the one to use unless told otherwise.
[[nodiscard]] std::span<const KernelRules> kernel_rules();
/// What Linux as it is owes who drives it by this interface.
[[nodiscard]] const KernelRules& kernel_rules_of(Api api);

}  // namespace landfall
