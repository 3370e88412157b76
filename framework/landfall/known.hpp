// Findings that are already understood. They are declared once and from then on reported as known, never
// hidden.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "landfall/scene.hpp"

namespace landfall {

struct Verdict;
struct Violation;

struct Known {
    std::vector<std::string> rules;      ///< any of these rule ids
    std::optional<KernelRelease> since;  ///< first release that has it; nullopt: as long as anyone knows
    std::optional<KernelRelease> until;  ///< last release that has it; nullopt: not fixed yet
    std::vector<std::string> iommus;     ///< labels of the `iommu` fact; empty: any
    bool needs_alias = false;  ///< only devices whose DMA carries another requester id (behind a bridge)
    std::string reference;     ///< where it is reported or argued
    std::string text;          ///< what it is, one sentence
    std::optional<Access> access{};  ///< only DMA that did this to memory: r it read, w it wrote
    std::string says{};              ///< only violations whose summary has these words
    std::string feature{};           ///< only rigs with this feature
    std::string engine{};            ///< only devices that this engine drives
};

/// The first finding that covers the violation, or nullptr. A range of releases covers no unknown release.
[[nodiscard]] const Known* find_known(const std::vector<Known>& known, const Scene& scene,
                                      const Violation& violation);

/// Findings that apply to a rig of the run (its kernel, its IOMMU, its bridges) and that no scenario of it
/// met, each once. Whether one is gone or its situation did not come up, a person must tell.
[[nodiscard]] std::vector<const Known*> unseen(const std::vector<Known>& known, std::span<const Scene> scenes,
                                               std::span<const Verdict> verdicts);

}  // namespace landfall
