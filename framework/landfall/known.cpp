#include "landfall/known.hpp"

#include <algorithm>

#include "landfall/checker.hpp"

namespace landfall {
namespace {

bool covers(const Known& known, const Scene& scene, const Violation& violation) {
    if (std::ranges::find(known.rules, violation.rule) == known.rules.end()) return false;
    const auto& iommus = known.iommus;
    if (!iommus.empty() && std::ranges::find(iommus, scene.iommu) == iommus.end()) return false;
    if (known.since && (!scene.kernel || *scene.kernel < *known.since)) return false;
    if (known.until && (!scene.kernel || *known.until < *scene.kernel)) return false;
    if (known.access && violation.access != *known.access) return false;
    if (!known.needs_alias) return true;
    const auto device = scene.devices.find(violation.device);
    return device != scene.devices.end() && device->second.alias.has_value();
}

}  // namespace

const Known* find_known(const std::vector<Known>& known, const Scene& scene, const Violation& violation) {
    const auto it = std::ranges::find_if(known, [&](const Known& k) { return covers(k, scene, violation); });
    return it == known.end() ? nullptr : &*it;
}

}  // namespace landfall
