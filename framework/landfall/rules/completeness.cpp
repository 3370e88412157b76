#include <fmt/format.h>

#include "landfall/rules/rule.hpp"

namespace landfall {
namespace {

std::string missing(const DmaCase& dma, const Piece& piece, const Violation& v) {
    const auto& domain = piece.candidates.front().domain->domain;
    return fmt::format("{} {}{}, though '{}' maps it to {} throughout", name_of(dma, piece),
                       dma.landing.status == Landing::Status::timeout ? "never finished and " : "", piece.access.write ? "landed nowhere" : "read nothing", domain,
                       v.page ? print(*v.page) : "the staging memory");
}

void check(const Case& happened, std::vector<Violation>& found) {
    const auto* dma = std::get_if<DmaCase>(&happened);
    if (dma == nullptr) return;
    if (const auto* piece = first(dma->account, Fate::missing)) {
        auto v = about(*dma, *piece);
        v.summary = missing(*dma, *piece, v);
        found.push_back(std::move(v));
        return;
    }
    if (dma->landing.status == Landing::Status::done || !dma->landing.status || dma->account.blockable)
        return;
    auto v = about(*dma, dma->account.pieces.front());
    v.iova = dma->request.range;
    v.summary =
        fmt::format("{} {} {}, though nothing may have blocked it", dma->request.device,
                    dma->landing.status == Landing::Status::error ? "reported an error in" : "never finished",
                    print(Step{Dma{dma->request}}));
    found.push_back(std::move(v));
}

}  // namespace

extern const Rule completeness_rule{
    "completeness", "A DMA that every domain and mapping it can have met allows is carried out, all of it.",
    "drivers/iommu/iommu.c:2443-2455 (attach), :2676-2722 (map: the next DMA may use it), :2489-2513 (every "
    "member "
    "of the group)",
    check};

}  // namespace landfall
