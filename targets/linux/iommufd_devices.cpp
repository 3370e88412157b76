// The iommufd back end: VFIO character devices bound to one iommufd.
#include <fcntl.h>

#include <algorithm>
#include <mutex>
#include <shared_mutex>

#include "landfall/error.hpp"
#include "linux/iommufd.hpp"
#include "linux/linux_iommu.hpp"
#include "linux/physical_functions.hpp"
#include "linux/sysfs.hpp"
#include "linux/vfio_device.hpp"

namespace landfall {
namespace {

class IommufdDevices final : public LinuxIommu {
  public:
    explicit IommufdDevices(std::vector<NamedDevice> named) : physicals_(named, iommufd_) {
        for (auto& d : named) {
            auto node = device_node(d.bdf);
            auto* physical = physicals_.of(d);
            devices_.push_back(std::make_unique<Device>(std::move(d), std::move(node), physical));
        }
    }

    std::vector<std::string> features(const std::string& iommu) override {
        std::vector<std::string> out;
        // To find out a device is opened, and may be reset, which takes its time: not where the answer is known.
        const bool known = iommu.starts_with("vtd") || iommu == "amd" || iommu == "smmuv3";
        if (!devices_.empty() && (known || can_make_hwpt())) out.emplace_back("hwpt");
        if (iommufd_.has_map_file()) out.emplace_back("map-file");
        return out;
    }
    std::unique_ptr<Engine> engine(DeviceId id, const EngineEntry& kind, StagingSlice staging) override {
        auto& d = at(id);
        if (!d.vfio.is_open()) return nullptr;
        return kind.make({Registers(d.vfio.bar0()), [&d] { return reset(d); }, d.named.label(), d.named.scratch,
                          d.named.virtual_of ? d.named.virtual_of->number : 0},
                         staging);
    }

  private:
    struct Device {
        Device(NamedDevice n, std::string file, PhysicalFunction* p) : named(std::move(n)), node(std::move(file)), physical(p) {}
        NamedDevice named;
        std::string node;            ///< its VFIO device file
        PhysicalFunction* physical;  ///< of a virtual function that needs it
        VfioDevice vfio;
        std::shared_mutex gate;  ///< held to open, close or reset the device; shared by calls that may meet in lanes
    };
    [[nodiscard]] Device& at(DeviceId id) { return *devices_.at(id.value); }

    Errno open(DeviceId id) override {
        const std::unique_lock alone(at(id).gate);
        return at(id).vfio.open(at(id).node, iommufd_.fd());
    }
    Errno close(DeviceId id) override {
        const std::unique_lock alone(at(id).gate);
        if (!at(id).vfio.is_open()) return {EBADF};
        at(id).vfio.close();
        return {};
    }
    Errno reset(DeviceId id) override {
        const std::unique_lock alone(at(id).gate);
        return reset(at(id));
    }
    Result<ObjectId> attach(DeviceId id, ObjectId domain) override {
        const std::shared_lock open(at(id).gate);
        return at(id).vfio.attach(domain.value);
    }
    Errno detach(DeviceId id) override {
        const std::shared_lock open(at(id).gate);
        return at(id).vfio.detach();
    }
    Result<ObjectId> hwpt_alloc(DeviceId id, ObjectId ioas) override {
        const std::shared_lock open(at(id).gate);
        return iommufd_.hwpt_alloc(at(id).vfio.id(), ioas);
    }
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

    [[nodiscard]] static Errno reset(Device& d) {
        const auto e = d.vfio.reset();
        if (!e.ok() || d.physical == nullptr) return e;
        return d.physical->enable(d.named.virtual_of->number) ? Errno{} : Errno{EIO};
    }
    [[nodiscard]] bool can_make_hwpt();

    Iommufd iommufd_;
    PhysicalFunctions physicals_;  ///< closed before their iommufd
    std::vector<std::unique_ptr<Device>> devices_;  ///< last: closed before their physical functions
};

// Does IOMMU_HWPT_ALLOC make a page table that can be used, for a device that is attached to nothing? A driver without
// ops->domain_alloc_paging() knows what a page table can hold when a device is attached, and not before (virtio-iommu before
// Linux 6.16: viommu_domain_finalise()). Made by IOMMU_HWPT_ALLOC it has an aperture of one byte:
// drivers/iommu/iommufd/hw_pagetable.c, "immediate_attach exists only to accommodate iommu drivers that cannot directly
// allocate a domain".
bool IommufdDevices::can_make_hwpt() {
    VfioDevice device;
    if (!device.open(devices_[0]->node, iommufd_.fd()).ok()) return false;
    const auto ioas = iommufd_.ioas_alloc();
    const auto hwpt = iommufd_.hwpt_alloc(device.id(), ioas.value);
    const auto ranges = iommufd_.ranges(ioas.value);
    if (hwpt.error.ok()) (void)iommufd_.destroy(hwpt.value);
    (void)iommufd_.destroy(ioas.value);
    device.close();
    return hwpt.error.ok() && ranges.error.ok() &&
           std::ranges::any_of(ranges.value, [](const IovaRange& r) { return r.length >= kPageSize; });
}

}  // namespace

std::unique_ptr<LinuxIommu> make_iommufd(std::vector<NamedDevice> devices) {
    return std::make_unique<IommufdDevices>(std::move(devices));
}

}  // namespace landfall
