// Random scenarios that ask for trouble: mappings that collide, groups that are moved to and fro, objects
// that are destroyed in use, and DMA before, during and after each of it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "landfall/random.hpp"
#include "landfall/scenario.hpp"

namespace landfall {

struct GenerateOptions {
    std::vector<std::vector<std::string>> groups{{"a", "b"}, {"c"}};  ///< devices, group by group
    /// What the rig has; the rest is not used. "type1": only what VFIO containers can be asked.
    std::vector<std::string> features{"hwpt", "map-file", "huge-buffers", "reset", "witness"};
    std::size_t most_steps = 40;                 ///< about; the objects a scenario begins with come on top
    bool lanes = true;                           ///< blocks of steps that run side by side
    bool background = true;                      ///< start/wait and pump/halt around other steps
    /// Copies while other DMA is under way. A real rig knows a DMA by the bytes it carries: where they are copied on before
    /// it was looked at, they have landed there, too.
    bool copies_beside = true;
};

/// A scenario that Scenario::parse() takes, of valid requests and of ones the kernel must refuse. It holds no
/// expectations: what is right is the checker's business. Every decision is asked of `choices`, and where all
/// are 0 the scenario is the simplest there is. It runs on a real kernel, too: a name is not used
/// once its id may have been given to something else, no DMA is asked of a closed device, none is aimed at
/// the interrupt window.
[[nodiscard]] Scenario generate(Choices& choices, const GenerateOptions& options = {});

}  // namespace landfall
