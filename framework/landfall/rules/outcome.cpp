#include <fmt/format.h>

#include "landfall/rules/rule.hpp"
#include "landfall/validate.hpp"

namespace landfall {
namespace {

std::optional<IovaRange> range_of(const Step& step) {
    if (const auto* s = std::get_if<Unmap>(&step)) return s->range;
    if (const auto* s = std::get_if<IoasCopy>(&step)) return s->range;
    return std::nullopt;
}

void check(const Case& happened, std::vector<Violation>& found) {
    const auto* c = std::get_if<AnswerCase>(&happened);
    if (c == nullptr || (c->prediction.allows(c->answer) && c->objection.empty())) return;
    const auto& step = *c->line.step();
    Violation v;
    v.line = c->line.number;
    if (const auto devices = devices_of(step); !devices.empty()) v.device = devices.front();
    v.iova = range_of(step);
    if (const auto* map = std::get_if<Map>(&step)) v.page = map->memory;
    v.window = c->line.when;
    v.observed = print(Outcome{c->answer});
    v.candidates = {c->prediction.str() +
                    (c->prediction.because.empty() ? "" : ": " + c->prediction.because)};
    v.summary = fmt::format("'{}' answered {}, ", print(step), v.observed);
    if (!c->beside.empty())
        v.summary += fmt::format("in no order of what ran beside it (line {}) is that right: ",
                                 fmt::join(c->beside, ", "));
    v.summary += c->objection.empty() ? "the kernel owes " + v.candidates.front() : "but " + c->objection;
    v.witness = c->beside;
    v.witness.push_back(v.line);
    tidy(v.witness);
    found.push_back(std::move(v));
}

}  // namespace

extern const Rule outcome_rule{
    "outcome",
    "Every call answers with the errno its documentation and its code promise for the state it is made in.",
    "include/uapi/linux/iommufd.h:21-35; drivers/iommu/iommufd/{device,io_pagetable,ioas,hw_pagetable}.c, "
    "call by "
    "call in docs/checking.md",
    check};

}  // namespace landfall
