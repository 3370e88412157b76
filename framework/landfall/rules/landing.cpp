#include <fmt/format.h>

#include "landfall/rules/rule.hpp"

namespace landfall {
namespace {

// Why an address that once, or elsewhere, led to this memory must not have led there now.
std::string reason(const Trail& trail, const Interval& window) {
    const auto& mapping = trail.mapping->life;
    if (trail.domain == nullptr) return fmt::format("wrong domain: the group was never on '{}'", trail.space);
    const auto& stay = trail.domain->life;
    if (stay.ended && stay.ended->end < window.begin)
        return fmt::format("stale domain: the group left '{}' with line {}", trail.domain->domain,
                           stay.ended_line);
    if (stay.began && window.end < stay.began->begin)
        return fmt::format("too early: the group came to '{}' with line {}", trail.domain->domain,
                           stay.began_line);
    if (mapping.ended && mapping.ended->end < window.begin)
        return fmt::format("use after unmap: line {} had removed it from '{}'", mapping.ended_line,
                           trail.space);
    if (mapping.began && window.end < mapping.began->begin)
        return fmt::format("too early: line {} mapped it in '{}' only later", mapping.began_line,
                           trail.space);
    return fmt::format("'{}' led there, but never while the group was on it", trail.space);
}

void check(const Case& happened, std::vector<Violation>& found) {
    const auto* dma = std::get_if<DmaCase>(&happened);
    const auto* piece = dma == nullptr ? nullptr : first(dma->account, Fate::misplaced);
    if (piece == nullptr) return;
    auto v = about(*dma, *piece);
    const auto& outlook = piece->access.write ? dma->account.write : dma->account.read;
    std::string why = "no address space of the run leads there";
    if (!outlook.may_be_open) {
        why = "the device was closed";
    } else {
        const auto trails =
            dma->history.whence(dma->request.device, piece->iova.start, dma->scene.memory(*piece->place));
        if (!trails.empty()) {
            const auto& trail = trails.front();
            why = reason(trail, dma->window);
            v.witness.insert(v.witness.end(),
                             {trail.mapping->life.began_line, trail.mapping->life.ended_line});
            if (trail.domain != nullptr)
                v.witness.insert(v.witness.end(),
                                 {trail.domain->life.began_line, trail.domain->life.ended_line});
            tidy(v.witness);
        }
    }
    v.summary = fmt::format("{} {} {}: {}", name_of(*dma, *piece),
                            piece->access.write ? "landed in" : "came from", print(*v.page), why);
    found.push_back(std::move(v));
}

}  // namespace

extern const Rule landing_rule{"landing",
                               "A DMA reaches the memory that the domain of its group maps at its address, "
                               "before or after a change that is "
                               "under way, and never something else.",
                               "drivers/iommu/iommu.c:2482-2487 (DMA must only be able to access either "
                               "new_domain or group->domain, never "
                               "something else); unmap: drivers/iommu/iommufd/pages.c:1765-1778",
                               check};

}  // namespace landfall
