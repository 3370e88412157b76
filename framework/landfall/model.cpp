#include "landfall/model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "landfall/error.hpp"
#include "landfall/model_kernel.hpp"

namespace landfall {
bool Prediction::allows(const Answer& answer) const {
    if (any_error) return !answer.error.ok();
    if (allowed.empty()) return true;
    if (std::ranges::find(allowed, answer.error) == allowed.end()) return false;
    return !answer.error.ok() || !value || answer.value == value;
}

std::string Prediction::str() const {
    if (any_error) return "an error";
    if (allowed.empty()) return "anything";
    std::string out;
    for (const auto& e : allowed) {
        out += (out.empty() ? "" : " or ") + (e.ok() ? "ok" : e.str());
        if (e.ok() && value) out += " " + hex_str(*value);
    }
    return out;
}

std::unique_ptr<Model> make_model(std::string_view name) {
    if (name.empty()) return std::make_unique<KernelModel>(kernel_rules().front(), true);
    for (const auto& rules : kernel_rules())
        if (rules.name == name) return std::make_unique<KernelModel>(rules);
    throw TextError({"<model>", 0, 0}, std::string(name),
                    fmt::format("one of: {}", fmt::join(model_names(), ", ")));
}

std::vector<std::string> model_names() {
    std::vector<std::string> out;
    for (const auto& rules : kernel_rules()) out.emplace_back(rules.name);
    return out;
}

}  // namespace landfall
