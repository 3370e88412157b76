// The physical functions of devices that are virtual functions: open, and seeing to them.
#pragma once

#include <memory>
#include <vector>

#include "linux/iommufd.hpp"
#include "linux/linux_iommu.hpp"
#include "linux/vfio_device.hpp"

namespace landfall {

class PhysicalFunctions {
  public:
    /// Opens and brings up those that `devices` need, bound to the iommufd. Throws LabError if one stays dead.
    PhysicalFunctions(const std::vector<NamedDevice>& devices, Iommufd& iommufd);
    /// nullptr: the device needs none.
    [[nodiscard]] PhysicalFunction* of(const NamedDevice& device) const;

  private:
    struct Physical {
        Bdf bdf;
        VfioDevice vfio;
        std::unique_ptr<PhysicalFunction> driver;
    };
    void open(Physical& physical, unsigned count, const EngineEntry& kind, Iommufd& iommufd);
    void bring_up(Physical& physical, unsigned count, const EngineEntry& kind, Iommufd& iommufd);

    std::vector<std::unique_ptr<Physical>> physicals_;
};

}  // namespace landfall
