#include "landfall/known.hpp"

#include <algorithm>

#include "landfall/checker.hpp"

namespace landfall {
namespace {

bool is_of(const Known& known, const Scene& scene) {
    const auto& iommus = known.iommus;
    if (!iommus.empty() && std::ranges::find(iommus, scene.iommu) == iommus.end()) return false;
    if (!known.feature.empty() && !scene.features.contains(known.feature)) return false;
    if (known.since && (!scene.kernel || *scene.kernel < *known.since)) return false;
    return !known.until || (scene.kernel && *scene.kernel <= *known.until);
}

// A device whose DMA carries another requester id, or which one engine drives, if the finding wants one.
bool is_of(const Known& known, const DeviceFact& device) {
    return (!known.needs_alias || device.alias.has_value()) && (known.engine.empty() || device.engine == known.engine);
}

bool covers(const Known& known, const Scene& scene, const Violation& violation) {
    if (std::ranges::find(known.rules, violation.rule) == known.rules.end() || !is_of(known, scene))
        return false;
    if (known.access && violation.access != *known.access) return false;
    if (violation.summary.find(known.says) == std::string::npos) return false;
    if (!known.needs_alias && known.engine.empty()) return true;
    const auto device = scene.devices.find(violation.device);
    return device != scene.devices.end() && is_of(known, device->second);
}

}  // namespace

const Known* find_known(const std::vector<Known>& known, const Scene& scene, const Violation& violation) {
    const auto it = std::ranges::find_if(known, [&](const Known& k) { return covers(k, scene, violation); });
    return it == known.end() ? nullptr : &*it;
}

std::vector<const Known*> unseen(const std::vector<Known>& known, std::span<const Scene> scenes,
                                 std::span<const Verdict> verdicts) {
    const auto applies = [&](const Known& k) {
        return std::ranges::any_of(scenes, [&](const Scene& scene) {
            return is_of(k, scene) &&
                   std::ranges::any_of(scene.devices, [&](const auto& d) { return is_of(k, d.second); });
        });
    };
    const auto seen = [&](const Known& k) {
        return std::ranges::any_of(verdicts, [&](const Verdict& v) {
            return std::ranges::find(v.violations, k.reference, &Violation::known) != v.violations.end();
        });
    };
    std::vector<const Known*> out;
    for (const auto& k : known)
        if (applies(k) && !seen(k)) out.push_back(&k);
    return out;
}

}  // namespace landfall
