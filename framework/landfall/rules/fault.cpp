#include <fmt/format.h>

#include "landfall/rules/rule.hpp"

namespace landfall {
namespace {

void check_unreported(const Debt& debt, std::vector<Violation>& found) {
    Violation v;
    v.line = debt.line;
    v.device = debt.device;
    v.iova = debt.page;
    v.access = debt.access;
    v.window = debt.window;
    v.observed = "no fault event";
    const auto* what = debt.access.write ? "write" : "read";
    v.candidates = {
        fmt::format("! fault {} {} {}", debt.requester.str(), what, hex_str(debt.page.start.value))};
    v.summary = fmt::format("{}'s {} of {} was blocked, and the IOMMU never reported it", debt.device, what,
                            print(debt.page));
    v.witness = {debt.start_line, debt.line};
    tidy(v.witness);
    found.push_back(std::move(v));
}

void check(const Case& happened, std::vector<Violation>& found) {
    if (const auto* owed = std::get_if<UnreportedCase>(&happened)) return check_unreported(owed->debt, found);
    const auto* c = std::get_if<FaultCase>(&happened);
    if (c == nullptr || c->explained) return;
    Violation v;
    v.line = c->line.number;
    v.device = c->device;
    v.iova = IovaRange{Iova{align_down(c->fault.address.value, kPageSize)}, kPageSize};
    v.window = c->line.when;
    v.observed = print(Event{c->fault});
    const auto who = c->device.empty() ? c->fault.requester.str() + ", no device of this run" : c->device;
    v.summary =
        fmt::format("the IOMMU reports a fault of {} at {}, but no DMA of it may have been blocked there",
                    who, hex_str(c->fault.address.value));
    v.witness = {v.line};
    found.push_back(std::move(v));
}

}  // namespace

extern const Rule fault_rule{
    "fault",
    "Every fault the IOMMU reports belongs to a DMA of that requester, or of a device behind the bridge that "
    "lends "
    "it its requester id, which had to or might be blocked at that page. A rig with the feature every-fault "
    "reports "
    "one for every DMA it blocks.",
    "VT-d specification 7.2 (fault recording); PCIe-to-PCI bridges: drivers/iommu/iommu.c:1484 ff.", check};

}  // namespace landfall
