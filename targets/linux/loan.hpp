// Functions taken from their drivers for a while.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "linux/linux_iommu.hpp"
#include "linux/sriov.hpp"
#include "linux/sysfs.hpp"
#include "os/keeper.hpp"

namespace landfall {

/// Functions as the command line names them: NAME=BDF, or NAME=BDF/virtfnN for a virtual function that is yet
/// to be made, each with ",scratch" behind it if it is. Throws TextError.
[[nodiscard]] std::vector<NamedDevice> parse_devices(const std::vector<std::string>& arguments);

/// Gives functions to vfio-pci, virtual ones after it has made them, and hands all back to where they were
/// when this process is gone, however it went. Taken while there is only one thread, so the keeper may use
/// the whole library.
class Loan {
  public:
    /// Throws LabError if a function is not to be had.
    explicit Loan(std::vector<NamedDevice> functions);
    /// The functions with what is known only now: addresses of virtual functions.
    [[nodiscard]] const std::vector<NamedDevice>& functions() const { return functions_; }

  private:
    void list();
    void take();

    std::vector<NamedDevice> functions_;
    std::vector<DriverBinding> bindings_;
    std::vector<VirtualFunctions> virtual_functions_;
    std::optional<Keeper> keeper_;  ///< restores when it is destroyed, too
};

}  // namespace landfall
