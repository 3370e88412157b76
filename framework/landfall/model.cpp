#include "landfall/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "landfall/error.hpp"
#include "landfall/model_iommufd.hpp"

namespace landfall {
namespace {

// The one table of models.
constexpr std::array<std::pair<const char*, std::unique_ptr<Model> (*)()>, 1> kModels{{
    {"iommufd", [] { return std::unique_ptr<Model>(std::make_unique<IommufdModel>()); }},
}};

}  // namespace

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
    for (const auto& [known, make] : kModels)
        if (known == name) return make();
    throw TextError({"<model>", 0, 0}, std::string(name),
                    fmt::format("one of: {}", fmt::join(model_names(), ", ")));
}

std::vector<std::string> model_names() {
    std::vector<std::string> out;
    for (const auto& [name, make] : kModels) out.emplace_back(name);
    return out;
}

}  // namespace landfall
