#include <fmt/format.h>

#include "landfall/rules/rule.hpp"
#include "landfall/validate.hpp"

namespace landfall {
namespace {

void check(const Case& happened, std::vector<Violation>& found) {
    const auto* c = std::get_if<ExpectationCase>(&happened);
    if (c == nullptr || fulfils(*c->line.observed, *c->line.expected)) return;
    const auto& step = *c->line.step();
    Violation v;
    v.line = c->line.number;
    if (const auto devices = devices_of(step); !devices.empty()) v.device = devices.front();
    if (const auto* dma = std::get_if<Dma>(&step)) v.iova = dma->request.range;
    v.window = c->line.when;
    v.observed = print(*c->line.observed);
    v.summary =
        fmt::format("'{}' should give '{}', it gave '{}'", print(step), print(*c->line.expected), v.observed);
    v.witness = {v.line};
    found.push_back(std::move(v));
}

}  // namespace

extern const Rule expectation_rule{"expectation", "What the scenario says behind '=>' comes true.",
                                   "the scenario itself", check};

}  // namespace landfall
