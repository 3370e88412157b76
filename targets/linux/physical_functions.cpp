#include "linux/physical_functions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "landfall/error.hpp"
#include "landfall/mapping.hpp"
#include "linux/sysfs.hpp"

namespace landfall {

PhysicalFunctions::PhysicalFunctions(const std::vector<NamedDevice>& devices, Iommufd& iommufd) {
    for (const auto& d : devices) {
        const auto* kind = find_engine(d.engine);
        if (!d.virtual_of || kind == nullptr || kind->make_physical == nullptr || of(d) != nullptr) continue;
        unsigned count = 0;
        for (const auto& other : devices)
            if (other.virtual_of && other.virtual_of->physical == d.virtual_of->physical)
                count = std::max(count, other.virtual_of->number + 1);
        open(*physicals_.emplace_back(std::make_unique<Physical>(d.virtual_of->physical)), count, *kind, iommufd);
    }
}

void PhysicalFunctions::open(Physical& p, unsigned count, const EngineEntry& kind, Iommufd& iommufd) {
    auto e = p.vfio.open(device_node(p.bdf), iommufd.fd());
    if (e.ok()) e = p.vfio.trust_virtual_functions();
    if (!e.ok()) throw LabError(fmt::format("cannot open the physical function {}: {}", p.bdf.str(), e.str()));
    bring_up(p, count, kind, iommufd);
}

// In an address space of its own, which it leaves before any scenario begins: from then on its DMA, if there was any, would be
// blocked, or go where the group of its virtual functions does, and not into the window that all domains map.
void PhysicalFunctions::bring_up(Physical& p, unsigned count, const EngineEntry& kind, Iommufd& iommufd) {
    constexpr Iova kPlace{0x6000'0000};
    auto [error, memory] = Mapping::make({64U << 10});
    const auto ioas = iommufd.ioas_alloc();
    if (error.ok()) error = ioas.error;
    const auto bytes = memory.bytes();
    if (error.ok()) error = iommufd.map(ioas.value, kPlace, {bytes.data(), bytes.size()}, {true, true}).error;
    if (error.ok()) error = p.vfio.attach(ioas.value.value).error;
    if (!error.ok())
        throw LabError(fmt::format("cannot attach the physical function {}: {}", p.bdf.str(), error.str()));
    p.driver = kind.make_physical({Registers(p.vfio.bar0()), [&p] { return p.vfio.reset(); }, p.bdf.str()}, count,
                                  {bytes, kPlace});
    error = p.vfio.detach();
    if (error.ok()) error = iommufd.destroy(ioas.value);
    if (!error.ok())
        throw LabError(fmt::format("cannot detach the physical function {}: {}", p.bdf.str(), error.str()));
}

PhysicalFunction* PhysicalFunctions::of(const NamedDevice& device) const {
    for (const auto& p : physicals_)
        if (device.virtual_of && device.virtual_of->physical == p->bdf) return p->driver.get();
    return nullptr;
}

}  // namespace landfall
