// What `landfall topology` shows.
#pragma once

#include <string>

#include "discover.hpp"

namespace landfall {

/// The tree with ids, groups, drivers, ACS and names; why functions share groups; where the kernel's groups
/// are not the predicted ones. At most 100 columns wide unless a tree is very deep.
[[nodiscard]] std::string topology_text(const Machine& machine);

/// The same as one JSON object (docs/topology.md names its members), and a newline.
[[nodiscard]] std::string topology_json(const Machine& machine);

}  // namespace landfall
