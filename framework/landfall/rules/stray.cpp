#include <fmt/format.h>

#include "landfall/rules/rule.hpp"

namespace landfall {
namespace {

void check(const Case& happened, std::vector<Violation>& found) {
    const auto* c = std::get_if<StrayCase>(&happened);
    if (c == nullptr || c->explained) return;
    Violation v;
    v.line = c->line.number;
    v.page = c->event.place;
    v.window = c->line.when;
    v.observed = print(Event{c->event});
    v.summary = fmt::format("{} changed, and no DMA of the run accounts for it", print(c->event.place));
    v.witness = {v.line};
    found.push_back(std::move(v));
}

}  // namespace

extern const Rule stray_rule{"stray", "No byte of the lab's memory changes that no DMA explains.",
                             "drivers/iommu/iommu.c:2482-2487; drivers/iommu/iommufd/pages.c:1765-1778",
                             check};

}  // namespace landfall
