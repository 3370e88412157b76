#include <fmt/format.h>

#include "landfall/rules/rule.hpp"

namespace landfall {
namespace {

std::string told(const BufferSlice& place) {
    return fmt::format("{} changed, and no DMA of the run accounts for it", print(place));
}

std::string told(const GuestPlace& place) {
    return fmt::format("guest memory {} ({}) holds bytes of DMA, stamps {}, and no page of the lab's is there",
                       print(place.range), place.use, place.seq);
}

void check(const Case& happened, std::vector<Violation>& found) {
    const auto* c = std::get_if<StrayCase>(&happened);
    if (c == nullptr || c->explained) return;
    Violation v;
    v.line = c->line.number;
    if (const auto* slice = std::get_if<BufferSlice>(&c->event.place)) v.page = *slice;
    v.window = c->line.when;
    v.observed = print(Event{c->event});
    v.summary = std::visit([](const auto& place) { return told(place); }, c->event.place);
    v.witness = {v.line};
    found.push_back(std::move(v));
}

}  // namespace

extern const Rule stray_rule{
    "stray", "No byte of the lab's memory changes that no DMA explains, and no DMA reaches any other memory.",
    "drivers/iommu/iommu.c:2482-2487; drivers/iommu/iommufd/pages.c:1765-1778", check};

}  // namespace landfall
