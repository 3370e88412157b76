// The machine's part of the head of a trace.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "discover.hpp"
#include "landfall/line.hpp"

namespace landfall {

/// Name of the engine that drives such a device, "-" if none does.
using EngineName = std::function<std::string(const Function&)>;

/// A DeviceFact for every named device, in the order given; one named "-" for every other member of their
/// groups, ascending; then what is reserved in those groups. Throws LabError if a device is not there or has
/// no group.
[[nodiscard]] std::vector<Fact> device_facts(const Machine& machine,
                                             const std::vector<std::pair<std::string, Bdf>>& names,
                                             const EngineName& engine);

}  // namespace landfall
