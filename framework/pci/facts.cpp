#include "facts.hpp"

#include <algorithm>
#include <set>

#include "landfall/error.hpp"
#include "topology.hpp"

namespace landfall {
namespace {

DeviceFact fact(const Topology& topology, const Function& f, const std::string& name,
                const EngineName& engine) {
    const auto index = static_cast<FunctionIndex>(&f - topology.functions().data());
    DeviceFact out{name,        f.bdf, f.vendor, f.device, f.group.value(), engine(f), std::nullopt};
    if (const auto id = requester_id(topology, index); id != f.bdf) out.alias = id;
    return out;
}

const Function& require(const Machine& machine, const std::string& name, Bdf bdf) {
    const auto* f = machine.find(bdf);
    if (f == nullptr)
        throw LabError("device " + name + ": there is no " + bdf.str(),
                       "`landfall topology` lists what there is");
    if (!f->group)
        throw LabError("device " + name + ": " + bdf.str() + " is in no iommu_group",
                       "is the IOMMU on? (intel_iommu=on or the like on the kernel's command line; dmesg)");
    return *f;
}

}  // namespace

std::vector<Fact> device_facts(const Machine& machine, const std::vector<std::pair<std::string, Bdf>>& names,
                               const EngineName& engine) {
    const Topology topology(machine);
    std::vector<Fact> out;
    std::set<Bdf> named;
    std::set<std::uint32_t> groups;
    for (const auto& [name, bdf] : names) {
        const auto& f = require(machine, name, bdf);
        out.emplace_back(fact(topology, f, name, engine));
        named.insert(bdf);
        groups.insert(*f.group);
    }
    for (const auto& f : machine.functions)
        if (f.group && groups.contains(*f.group) && !named.contains(f.bdf))
            out.emplace_back(fact(topology, f, "-", engine));
    for (const auto& [group, ranges] : machine.reserved) {
        if (!groups.contains(group)) continue;
        for (const auto& range : ranges) out.emplace_back(ReservedFact{group, range});
    }
    return out;
}

}  // namespace landfall
