#include "linux/physical_functions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "landfall/error.hpp"
#include "linux/sysfs.hpp"

namespace landfall {

PhysicalFunctions::PhysicalFunctions(const std::vector<NamedDevice>& devices, Iommufd& iommufd) {
    for (const auto& d : devices) {
        const auto* kind = find_engine(d.engine);
        if (d.virtual_of && kind != nullptr && kind->make_physical != nullptr && of(d) == nullptr) open(d, *kind, iommufd);
    }
}

// It is attached to nothing, so its DMA is blocked, or goes where the group of its virtual functions does.
void PhysicalFunctions::open(const NamedDevice& device, const EngineEntry& kind, Iommufd& iommufd) {
    auto& p = *physicals_.emplace_back(std::make_unique<Physical>(device.virtual_of->physical));
    auto e = p.vfio.open(device_node(p.bdf), iommufd.fd());
    if (e.ok()) e = p.vfio.trust_virtual_functions();
    if (!e.ok()) throw LabError(fmt::format("cannot open the physical function {}: {}", p.bdf.str(), e.str()));
    p.driver = kind.make_physical({Registers(p.vfio.bar0()), [&p] { return p.vfio.reset(); }, p.bdf.str()});
}

PhysicalFunction* PhysicalFunctions::of(const NamedDevice& device) const {
    for (const auto& p : physicals_)
        if (device.virtual_of && device.virtual_of->physical == p->bdf) return p->driver.get();
    return nullptr;
}

}  // namespace landfall
