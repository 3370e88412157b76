// A machine that runs Linux with VFIO, seen from one of its processes.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "linux/kernel_log.hpp"
#include "linux/linux_iommu.hpp"
#include "pci/discover.hpp"

namespace landfall {

/// Throws LabError for a function that stores things and is not scratch. Changes nothing.
void check_scratch(const NamedDevice& device);

class LinuxTarget final : public Target {
  public:
    /// The functions are bound to vfio-pci already. No `api`: whichever the kernel has. Throws LabError if it has not what is
    /// needed, or if one of the functions is not there, in no iommu_group, or has a physical function that does not come up.
    explicit LinuxTarget(std::vector<NamedDevice> devices, std::optional<Api> api = std::nullopt, const Machine& machine = discover());

    std::vector<Fact> facts() override;
    Iommu& iommu() override { return *iommu_; }
    std::unique_ptr<Engine> engine(DeviceId device, StagingSlice staging) override;
    Nanoseconds now() override;
    void sleep(Nanoseconds) override;
    std::vector<Event> events() override { return log_.drain(); }

  private:
    /// What every group of ours reserves.
    [[nodiscard]] std::vector<IovaRange> reserved_in_all() const;

    std::vector<NamedDevice> devices_;
    std::vector<Fact> machine_facts_;  ///< devices in the order of ours, then others; what is reserved
    Api api_;
    KernelLog log_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::unique_ptr<LinuxIommu> iommu_;
};

}  // namespace landfall
