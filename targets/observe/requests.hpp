// The ioctls of iommufd and VFIO, by name.
#pragma once

#include <cstdint>
#include <string>

namespace landfall {

/// Whose numbers they are: VFIO has given some out twice.
enum class FileKind { iommufd, container, group, device };

/// "IOMMU_IOAS_MAP"; "ioctl 0x3bff" if there is none of that number.
[[nodiscard]] std::string request_name(FileKind kind, std::uint64_t request);
/// It says nothing of translation and changes nothing in it: what the device is, its regions and interrupts.
[[nodiscard]] bool is_beside_the_point(FileKind kind, std::uint64_t request);

}  // namespace landfall
