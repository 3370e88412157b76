// Who stands above whom, what a function's DMA is called when it reaches the IOMMU, and which functions Linux
// must therefore put into one iommu_group. Everything here is computed from config space; nothing is read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "discover.hpp"

namespace landfall {

/// Index into Machine::functions.
using FunctionIndex = std::size_t;

/// The bus tree of a machine. Refers to the machine, which must stay.
class Topology {
  public:
    explicit Topology(const Machine& machine);

    [[nodiscard]] const std::vector<Function>& functions() const { return functions_; }
    /// The bridge whose secondary side the function is on; nullopt on a root bus.
    [[nodiscard]] std::optional<FunctionIndex> above(FunctionIndex f) const { return above_[f]; }
    /// Functions below a bridge, ascending.
    [[nodiscard]] const std::vector<FunctionIndex>& below(FunctionIndex f) const { return below_[f]; }
    /// Functions with nothing above them, ascending.
    [[nodiscard]] const std::vector<FunctionIndex>& roots() const { return roots_; }

  private:
    const std::vector<Function>& functions_;
    std::vector<std::optional<FunctionIndex>> above_;
    std::vector<std::vector<FunctionIndex>> below_;
    std::vector<FunctionIndex> roots_;
};

/// The requester id a bridge puts on DMA from behind it, if it does: the secondary bus, device 0, function 0
/// for a PCIe-to-PCI bridge (PCI Express to PCI/PCI-X Bridge Specification 1.0 section 2.3), its own id for a
/// legacy PCI bridge. Follows pci_for_each_dma_alias in drivers/pci/search.c, without its quirks for single
/// devices.
[[nodiscard]] std::optional<Bdf> alias_below(const Function& bridge);

/// The requester id by which the IOMMU knows a function's DMA: its own, or that of the last bridge to rename
/// it.
[[nodiscard]] Bdf requester_id(const Topology& topology, FunctionIndex f);

/// Does DMA of this function, or through this port, always go up to the IOMMU? As pci_acs_enabled in
/// drivers/pci/pci.c for Source Validation, Request and Completion Redirect and Upstream Forwarding.
enum class Isolation {
    no,
    unknown,  ///< the capability that would say so could not be read
    yes,
};
[[nodiscard]] Isolation isolation(const Function& f);

/// One cause for functions to share a group, or for one to have its own.
struct Reason {
    enum class Kind {
        alias,      ///< their DMA carries the name of bridge `cause`
        open_port,  ///< port `cause` on their way up does not isolate
        functions,  ///< they are functions of one device that does not keep them apart; `cause` is the first
        alone,      ///< nothing joins `cause` to any other
    };
    Kind kind{};
    FunctionIndex cause = 0;
    bool certain = true;             ///< false: assumed, because it could not be read
    std::vector<FunctionIndex> who;  ///< the functions it concerns, ascending
};

struct PredictedGroup {
    std::vector<FunctionIndex> members;  ///< ascending
    std::vector<Reason> reasons;
    [[nodiscard]] bool certain() const;
};

/// The groups Linux forms (pci_device_group in drivers/iommu/iommu.c), ascending by first member. A function
/// whose capabilities are unreadable is taken not to isolate, and its group is then not certain.
[[nodiscard]] std::vector<PredictedGroup> predict_groups(const Topology& topology);

/// The reason as a sentence.
[[nodiscard]] std::string explain(const Topology& topology, const Reason& reason);

/// Where the kernel's groups are not the predicted ones, a sentence each. Groups that are not certain, and
/// functions without a kernel group, are not compared.
[[nodiscard]] std::vector<std::string> differences(const Topology& topology,
                                                   const std::vector<PredictedGroup>& predicted);

}  // namespace landfall
