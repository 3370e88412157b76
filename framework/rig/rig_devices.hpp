// The part of a rig file that says what sits on the buses of a virtual machine, and what other parts share with it.
#pragma once

#include <string>
#include <vector>

#include "rig/rig.hpp"
#include "rig/yaml.hpp"

namespace landfall {

/// Adds the devices of the root bus, and what is below them, to a rig. Slots from `first_slot` on are free.
void read_devices(const Yaml& list, unsigned first_slot, RigFile& rig);

/// What scenarios call a function: it stands between spaces and before a '=' in the protocol.
[[nodiscard]] std::string function_name(const Yaml& node);
/// ",key=value" for each.
[[nodiscard]] std::string properties_of(const Yaml& node);
[[nodiscard]] std::string join_words(const std::vector<std::string>& words);

}  // namespace landfall
