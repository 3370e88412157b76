#include <fmt/format.h>

#include "landfall/rules/rule.hpp"

namespace landfall {
namespace {

void check(const Case& happened, std::vector<Violation>& found) {
    const auto* dma = std::get_if<DmaCase>(&happened);
    const auto* piece = dma == nullptr ? nullptr : first(dma->account, Fate::forbidden);
    if (piece == nullptr) return;
    auto v = about(*dma, *piece);
    v.summary = fmt::format("{} {} {}, which is mapped {} there", name_of(*dma, *piece),
                            piece->access.write ? "landed in" : "came from", print(*v.page),
                            piece->access.write ? "read-only" : "write-only");
    found.push_back(std::move(v));
}

}  // namespace

extern const Rule permission_rule{"permission",
                                  "A mapping without WRITEABLE is never written, one without READABLE never "
                                  "read, whatever permissions its pages "
                                  "have elsewhere.",
                                  "include/uapi/linux/iommufd.h:184-185; "
                                  "drivers/iommu/iommufd/ioas.c:193-202 (first-stage tables cannot forbid "
                                  "reading: drivers/iommu/generic_pt/fmt/x86_64.h:216-236)",
                                  check};

}  // namespace landfall
