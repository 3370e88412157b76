#include "topology.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

namespace landfall {
namespace {

// Source Validation, Request Redirect, Completion Redirect, Upstream Forwarding (PCIe 6.0 section 7.7.11.2),
// the REQ_ACS_FLAGS of drivers/iommu/iommu.c.
constexpr unsigned kRequired = 0x01 | 0x04 | 0x08 | 0x10;

// Parts that Linux knows to isolate though their config space does not say so: pci_dev_acs_enabled in
// drivers/pci/quirks.c. Here are the 82576, which the lab drives, and Intel's integrated endpoints, which
// every Intel board has; any other entry of that table shows up as a difference between prediction and
// kernel.
bool isolates_by_quirk(const Function& f) {
    constexpr unsigned kIntel = 0x8086;
    constexpr std::array k82576{0x10c9, 0x10e6, 0x10e7, 0x10e8, 0x150a, 0x150d, 0x1518, 0x1526};
    if (f.vendor != kIntel) return false;
    return f.port == PortType::rc_endpoint || std::ranges::find(k82576, int{f.device}) != k82576.end();
}

// What a port does not implement it is taken to enforce anyway: all but egress control are either required or
// required if controllable (pci_acs_flags_enabled).
Isolation by_acs(const Function& f) {
    if (!f.acs) return f.visible == Visible::full ? Isolation::no : Isolation::unknown;
    const unsigned wanted = kRequired & f.acs->capability;
    return (f.acs->control & wanted) == wanted ? Isolation::yes : Isolation::no;
}

class DisjointSets {
  public:
    explicit DisjointSets(std::size_t size) : parent_(size) { std::iota(parent_.begin(), parent_.end(), 0U); }
    std::size_t find(std::size_t i) {
        while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
        return i;
    }
    void join(std::size_t a, std::size_t b) { parent_[find(std::max(a, b))] = find(std::min(a, b)); }

  private:
    std::vector<std::size_t> parent_;
};

/// pci_device_group asks, function by function as they are found, which existing group a new one must join.
/// The answers do not depend on that order, so here they are edges and the groups are what they connect.
class Predictor {
  public:
    explicit Predictor(const Topology& topology)
        : topology_(topology), functions_(topology.functions()), sets_(functions_.size()) {}

    std::vector<PredictedGroup> run() {
        for (FunctionIndex f = 0; f < functions_.size(); ++f)
            if (!join_alias(f) && !join_port(f)) join_siblings(f);
        return collect();
    }

  private:
    using Key = std::tuple<Reason::Kind, FunctionIndex, bool>;

    void join(FunctionIndex f, FunctionIndex with, Reason::Kind kind, FunctionIndex cause, bool certain) {
        sets_.join(f, with);
        auto& who = reasons_[{kind, cause, certain}];
        if (who.empty() || who.back() != f) who.push_back(f);  // f ascends
    }

    /// Behind bridges that rename DMA, a function is in the group of the topmost of them.
    bool join_alias(FunctionIndex f) {
        std::optional<FunctionIndex> topmost;
        for (auto b = topology_.above(f); b; b = topology_.above(*b))
            if (alias_below(functions_[*b])) topmost = b;
        if (topmost) join(f, *topmost, Reason::Kind::alias, *topmost, true);
        return topmost.has_value();
    }

    /// Unless every port from here up isolates, a function is in the group of the one right above it.
    bool join_port(FunctionIndex f) {
        std::optional<FunctionIndex> weak;
        for (auto b = topology_.above(f); b; b = topology_.above(*b)) {
            const auto is = isolation(functions_[*b]);
            if (is == Isolation::no || (is == Isolation::unknown && !weak)) weak = b;
            if (is == Isolation::no) break;
        }
        if (!weak) return false;
        const bool certain = isolation(functions_[*weak]) == Isolation::no;
        join(f, *topology_.above(f), Reason::Kind::open_port, *weak, certain);
        return true;
    }

    /// Functions of one device that do not isolate themselves from each other are together.
    void join_siblings(FunctionIndex f) {
        const auto open = [this](FunctionIndex i) { return isolation(functions_[i]) != Isolation::yes; };
        const auto& me = functions_[f];
        if (!me.multifunction || !open(f)) return;
        const auto first = std::ranges::lower_bound(
            functions_, Bdf{me.bdf.domain, me.bdf.bus, me.bdf.device, 0}, {}, &Function::bdf);
        auto cause = static_cast<FunctionIndex>(first - functions_.begin());
        while (!open(cause)) ++cause;
        for (auto i = cause; i < functions_.size() && same_device(functions_[i].bdf, me.bdf); ++i) {
            if (i == f || !open(i)) continue;
            const bool certain = isolation(me) == Isolation::no && isolation(functions_[i]) == Isolation::no;
            join(f, i, Reason::Kind::functions, cause, certain);
        }
    }

    static bool same_device(const Bdf& a, const Bdf& b) {
        return std::tie(a.domain, a.bus, a.device) == std::tie(b.domain, b.bus, b.device);
    }

    std::vector<PredictedGroup> collect() {
        std::vector<PredictedGroup> groups;
        std::map<std::size_t, std::size_t> number;  // first member -> index in groups
        for (FunctionIndex f = 0; f < functions_.size(); ++f) {
            const auto [at, fresh] = number.try_emplace(sets_.find(f), groups.size());
            if (fresh) groups.emplace_back();
            groups[at->second].members.push_back(f);
        }
        for (auto& [key, who] : reasons_) {
            const auto& [kind, cause, certain] = key;
            groups[number.at(sets_.find(who.front()))].reasons.push_back(
                {kind, cause, certain, std::move(who)});
        }
        for (auto& group : groups)
            if (group.reasons.empty())
                group.reasons.push_back({Reason::Kind::alone, group.members.front(), true, group.members});
        return groups;
    }

    const Topology& topology_;
    const std::vector<Function>& functions_;
    DisjointSets sets_;
    std::map<Key, std::vector<FunctionIndex>> reasons_;
};

}  // namespace

Topology::Topology(const Machine& machine)
    : functions_(machine.functions), above_(functions_.size()), below_(functions_.size()) {
    // A bus number belongs to the bridge with the nearest secondary bus: that of a virtual function need not
    // be one of its port's own. A bridge is on a lower bus than all below it, or its numbers are not set up;
    // holding it to that makes every walk upwards end.
    std::map<std::pair<std::uint32_t, unsigned>, FunctionIndex> nearest;
    for (FunctionIndex b = 0; b < functions_.size(); ++b) {
        const auto& f = functions_[b];
        if (!f.bridge || f.bridge->secondary <= f.bdf.bus) continue;
        for (unsigned bus = f.bridge->secondary; bus <= f.bridge->subordinate; ++bus) {
            const auto [at, fresh] = nearest.try_emplace({f.bdf.domain, bus}, b);
            if (!fresh && functions_[at->second].bridge->secondary < f.bridge->secondary) at->second = b;
        }
    }
    for (FunctionIndex i = 0; i < functions_.size(); ++i) {
        const auto at = nearest.find({functions_[i].bdf.domain, functions_[i].bdf.bus});
        if (at == nearest.end()) {
            roots_.push_back(i);
        } else {
            above_[i] = at->second;
            below_[at->second].push_back(i);
        }
    }
}

std::optional<Bdf> alias_below(const Function& bridge) {
    if (!bridge.bridge || bridge.visible < Visible::standard) return std::nullopt;
    if (!bridge.port || bridge.port == PortType::pci_to_pcie) return bridge.bdf;
    if (bridge.port == PortType::pcie_to_pci) return Bdf{bridge.bdf.domain, bridge.bridge->secondary, 0, 0};
    return std::nullopt;
}

Bdf requester_id(const Topology& topology, FunctionIndex f) {
    auto id = topology.functions()[f].bdf;
    for (auto b = topology.above(f); b; b = topology.above(*b))
        id = alias_below(topology.functions()[*b]).value_or(id);
    return id;
}

Isolation isolation(const Function& f) {
    if (isolates_by_quirk(f)) return Isolation::yes;
    if (f.visible < Visible::standard) return Isolation::unknown;
    if (!f.port) return Isolation::no;  // conventional PCI: whoever is on the bus may take the DMA
    switch (*f.port) {
        case PortType::pcie_to_pci:
        case PortType::pci_to_pcie:
        case PortType::rc_event_collector: return Isolation::no;
        case PortType::root_port:
        case PortType::downstream_port: return by_acs(f);
        case PortType::endpoint:
        case PortType::legacy_endpoint:
        case PortType::upstream_port:
        case PortType::rc_endpoint: return f.multifunction ? by_acs(f) : Isolation::yes;
    }
    return Isolation::yes;  // a type the specification does not name: as Linux has it
}

bool PredictedGroup::certain() const { return std::ranges::all_of(reasons, &Reason::certain); }

std::vector<PredictedGroup> predict_groups(const Topology& topology) { return Predictor(topology).run(); }

}  // namespace landfall
