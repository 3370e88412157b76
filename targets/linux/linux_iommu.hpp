// What the two ways in which Linux lets a process drive devices and translate their DMA have in common.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engines/engine.hpp"
#include "landfall/api.hpp"
#include "landfall/target.hpp"

namespace landfall {

/// More than a lab has use for; TotalVFs may be 65535 (PCIe 6.0 section 9.3.3.6).
constexpr unsigned kMostVirtualFunctions = 256;

/// Where a virtual function comes from.
struct VirtualOf {
    Bdf physical;
    unsigned number = 0;
};

/// A function a scenario names.
struct NamedDevice {
    std::string name;
    Bdf bdf;               ///< of a virtual function that is yet to be made: its physical function
    bool scratch = false;  ///< what is stored in it may be overwritten
    std::optional<VirtualOf> virtual_of{};
    std::uint32_t group = 0;  ///< its iommu_group
    std::string engine{};     ///< what drives it, a name of the catalog
    [[nodiscard]] std::string label() const;
};

class LinuxIommu : public Iommu {
  public:
    /// Which of the optional features it has; may open a device for a moment to find out. `iommu`: the fact's label.
    [[nodiscard]] virtual std::vector<std::string> features(const std::string& iommu) = 0;
    /// Of the catalog's kind for this device; nullptr while the device is closed. Valid until it is closed.
    [[nodiscard]] virtual std::unique_ptr<Engine> engine(DeviceId device, const EngineEntry& kind,
                                                         StagingSlice staging) = 0;
};

/// Devices by their own files, address spaces of one iommufd. Throws LabError if the kernel offers no such thing.
[[nodiscard]] std::unique_ptr<LinuxIommu> make_iommufd(std::vector<NamedDevice> devices);
/// Devices by their group's file, address spaces that are VFIO containers (type1, version 2), VFIO's own or, where `compat`,
/// iommufds that stand for them. Throws LabError if the kernel offers no such thing.
[[nodiscard]] std::unique_ptr<LinuxIommu> make_containers(std::vector<NamedDevice> devices, bool compat);

/// iommufd where the kernel has it, else containers. Throws LabError if it has neither.
[[nodiscard]] Api available_api();

}  // namespace landfall
