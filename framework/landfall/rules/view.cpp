#include <fmt/format.h>

#include "landfall/rules/rule.hpp"

namespace landfall {
namespace {

void check(const Case& happened, std::vector<Violation>& found) {
    const auto* view = std::get_if<ViewCase>(&happened);
    if (view == nullptr) return;
    const auto& dma = view->dma;
    const auto& piece = dma.account.pieces.front();
    if (piece.fate == Fate::explained) return;
    auto v = about(dma, piece);
    v.page.reset();
    v.observed = print(*dma.line.observed);
    std::string allowed;
    for (const auto* d : dma.account.read.domains)
        allowed += (allowed.empty() ? "" : " or ") +
                   (d->space ? "'" + dma.history.name_of(*d->space) + "'" : "none");
    v.summary = fmt::format("{} {}, but its group's domain is {}", dma.request.device, v.observed, allowed);
    found.push_back(std::move(v));
}

}  // namespace

extern const Rule view_rule{
    "view",
    "Every member of a group, attached or not, is translated through the domain the group was last moved to.",
    "drivers/iommu/iommufd/device.c:726-732, :856-921; drivers/iommu/iommu.c:2443-2447", check};

}  // namespace landfall
