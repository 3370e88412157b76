// A machine that runs Linux with iommufd and VFIO, seen from one of its processes.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "landfall/target.hpp"
#include "linux/iommufd.hpp"
#include "linux/kernel_log.hpp"
#include "linux/vfio_device.hpp"

namespace landfall {

/// A function a scenario names.
struct NamedDevice {
    std::string name;
    Bdf bdf;
    std::string node;  ///< its VFIO device file
    bool scratch = false;  ///< what is stored in it may be overwritten
};

/// Throws LabError for a function that stores things and is not scratch. Changes nothing.
void check_scratch(const NamedDevice& device);

class LinuxTarget final : public Target, private Iommu {
  public:
    /// The functions are bound to vfio-pci already. Throws LabError without iommufd, or if one
    /// of them is not there or in no iommu_group.
    explicit LinuxTarget(std::vector<NamedDevice> devices);

    std::vector<Fact> facts() override;
    Iommu& iommu() override { return *this; }
    std::unique_ptr<Engine> engine(DeviceId device, StagingSlice staging) override;
    Nanoseconds now() override;
    void sleep(Nanoseconds) override;
    std::vector<Event> events() override { return log_.drain(); }

  private:
    Errno open(DeviceId) override;
    Errno close(DeviceId) override;
    Errno reset(DeviceId) override;
    Errno attach(DeviceId, ObjectId domain) override;
    Errno detach(DeviceId) override;
    Result<ObjectId> hwpt_alloc(DeviceId, ObjectId ioas) override;
    Result<ObjectId> ioas_alloc() override { return iommufd_.ioas_alloc(); }
    Errno destroy(ObjectId o) override { return iommufd_.destroy(o); }
    Result<Iova> map(ObjectId i, std::optional<Iova> a, Memory m, Access p) override { return iommufd_.map(i, a, m, p); }
    Result<Iova> copy(ObjectId t, std::optional<Iova> a, ObjectId f, IovaRange r, Access p) override {
        return iommufd_.copy(t, a, f, r, p);
    }
    Result<std::uint64_t> unmap(ObjectId i, std::optional<IovaRange> r) override { return iommufd_.unmap(i, r); }
    Result<std::vector<IovaRange>> ranges(ObjectId i) override { return iommufd_.ranges(i); }
    Errno allow(ObjectId i, std::span<const IovaRange> r) override { return iommufd_.allow(i, r); }
    Errno huge_pages(ObjectId i, bool on) override { return iommufd_.huge_pages(i, on); }

    struct Device {
        NamedDevice named;
        DeviceFact fact;
        VfioDevice vfio;
        std::shared_mutex gate{};  ///< held to open, close or reset the device; shared by calls that may meet in lanes
    };
    [[nodiscard]] Device& at(DeviceId id) { return *devices_.at(id.value); }
    /// Does IOMMU_HWPT_ALLOC make a page table that can be used, for a device that is attached to nothing?
    [[nodiscard]] bool can_make_hwpt();

    std::vector<Fact> machine_facts_;  ///< devices, their groups, what is reserved
    Iommufd iommufd_;
    KernelLog log_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::vector<std::unique_ptr<Device>> devices_;  ///< last: closed before their iommufd
};

}  // namespace landfall
