#include "landfall/rules/rule.hpp"

namespace landfall {
namespace {

void check(const Case& happened, std::vector<Violation>& found) {
    const auto* c = std::get_if<KernelCase>(&happened);
    if (c == nullptr) return;
    Violation v;
    v.line = c->line.number;
    v.window = c->line.when;
    v.observed = c->event.text;
    v.summary = "the kernel complains about itself: " + c->event.text;
    v.witness = {v.line};
    found.push_back(std::move(v));
}

}  // namespace

extern const Rule kernel_rule{
    "kernel",
    "Nothing user space does makes the kernel print a WARNING, BUG, oops, sanitizer report or hung task.",
    "Documentation/process/deprecated.rst, BUG() and BUG_ON(): WARN() is for situations expected to be "
    "unreachable",
    check};

}  // namespace landfall
