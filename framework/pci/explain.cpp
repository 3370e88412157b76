// Why a group is as it is, in words.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <map>
#include <set>

#include "topology.hpp"
#include "words.hpp"

namespace landfall {
namespace {

/// Why a function does not isolate, as what follows "which" or "it".
std::string lack(const Function& f) {
    if (isolation(f) == Isolation::unknown)
        return "shows too little of its config space to tell (root sees all)";
    if (!f.port) return "is conventional PCI, where there is no ACS";
    if (f.port == PortType::pcie_to_pci || f.port == PortType::pci_to_pcie)
        return "leads to conventional PCI, where there is no ACS";
    if (f.port == PortType::rc_event_collector) return "is an event collector, which never has ACS";
    if (!f.acs) return "has no ACS capability";
    return fmt::format("has ACS but not all of it on ({})", acs_flags(*f.acs));
}

std::string alone(const Topology& topology, FunctionIndex f) {
    const auto& me = topology.functions()[f];
    std::vector<std::string> why;
    if (me.multifunction) {
        if (isolation(me) == Isolation::yes)
            why.push_back(me.acs
                              ? "its ACS keeps it apart from the other functions of its device"
                              : "the kernel knows it to keep apart from the other functions of its device");
        else
            why.emplace_back("no other function of its device is open to it");
    }
    why.emplace_back(topology.above(f) ? "every port above it isolates (ACS)" : "it is on a root bus");
    return fmt::format("{} is alone: {}.", short_name(me.bdf), fmt::join(why, ", and "));
}

std::string join_names(const Topology& topology, const std::vector<FunctionIndex>& who) {
    std::vector<std::string> names;
    for (const auto f : who) names.push_back(short_name(topology.functions()[f].bdf));
    return fmt::format("{}", fmt::join(names, ", "));
}

std::string behind(const Topology& topology, const Reason& reason) {
    const auto& bridge = topology.functions()[reason.cause];
    const bool express = bridge.port == PortType::pcie_to_pci;
    return fmt::format("{}: DMA from behind the {} {} reaches the IOMMU under one requester id, {}.",
                       join_names(topology, reason.who), express ? "PCIe-to-PCI bridge" : "PCI bridge",
                       short_name(bridge.bdf), short_name(*alias_below(bridge)));
}

}  // namespace

std::string explain(const Topology& topology, const Reason& reason) {
    const auto& cause = topology.functions()[reason.cause];
    switch (reason.kind) {
        case Reason::Kind::alias: return behind(topology, reason);
        case Reason::Kind::open_port:
            return fmt::format("{}: DMA may turn around below the IOMMU at {}, which {}.",
                               join_names(topology, reason.who), short_name(cause.bdf), lack(cause));
        case Reason::Kind::functions:
            return fmt::format("{}: functions of one device may reach each other inside it; {} {}.",
                               join_names(topology, reason.who), short_name(cause.bdf), lack(cause));
        case Reason::Kind::alone: return alone(topology, reason.cause);
    }
    std::abort();
}

std::vector<std::string> differences(const Topology& topology, const std::vector<PredictedGroup>& predicted) {
    std::vector<std::string> out;
    std::map<std::uint32_t, std::vector<const PredictedGroup*>> parts;  // of each kernel group
    std::set<std::uint32_t> unsure;
    for (const auto& group : predicted) {
        std::map<std::uint32_t, std::vector<FunctionIndex>> kernel;
        for (const auto f : group.members)
            if (const auto id = topology.functions()[f].group) kernel[*id].push_back(f);
        for (const auto& [id, members] : kernel) {
            parts[id].push_back(&group);
            if (!group.certain()) unsure.insert(id);
        }
        if (kernel.size() < 2 || !group.certain()) continue;
        std::vector<std::string> places;
        for (const auto& [id, members] : kernel)
            places.push_back(fmt::format("{} in group {}", join_names(topology, members), id));
        out.push_back(
            fmt::format("The kernel keeps apart what config space does not: {}. It may know these parts to "
                        "isolate (a quirk), or have been told so on its command line.",
                        fmt::join(places, ", ")));
    }
    for (const auto& [id, groups] : parts) {
        if (groups.size() < 2 || unsure.contains(id)) continue;
        std::vector<std::string> sets;
        for (const auto* group : groups) sets.push_back(join_names(topology, group->members));
        out.push_back(
            fmt::format("Group {} of the kernel holds together what config space isolates: {}. It may know "
                        "these parts to share a requester id or to break ACS (a quirk).",
                        id, fmt::join(sets, " | ")));
    }
    return out;
}

}  // namespace landfall
