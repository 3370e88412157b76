// Functions taken from their drivers for a while.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "linux/linux_iommu.hpp"
#include "linux/sysfs.hpp"
#include "os/keeper.hpp"

namespace landfall {

/// Functions as the command line names them: NAME=BDF, or NAME=BDF,scratch. Throws TextError.
[[nodiscard]] std::vector<NamedDevice> parse_devices(const std::vector<std::string>& arguments);

/// Gives functions to vfio-pci, and hands them back to their drivers when this process is gone, however it
/// went. Taken while there is only one thread, so the keeper may use the whole library.
class Loan {
  public:
    /// Throws LabError if vfio-pci does not take one of them.
    explicit Loan(const std::vector<NamedDevice>& functions);

  private:
    std::vector<DriverBinding> bindings_;
    std::optional<Keeper> keeper_;  ///< restores when it is destroyed, too
};

}  // namespace landfall
