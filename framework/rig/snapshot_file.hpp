// The file of a snapshot: sections one behind the other, and a hash of all of them at the end.
#pragma once

#include <string>

#include "rig/snapshot.hpp"

namespace landfall {

/// Writes a machine's state to an empty file. Throws LabError.
void write_snapshot(int file, const std::string& key, const MachineState& state);

/// Fills the state of a machine that never ran. False if the file does not hold, from end to end, what write_snapshot() once
/// wrote under this key for a machine of so much memory: then the state is of no use. Throws LabError if this computer has no
/// memory for it.
[[nodiscard]] bool read_snapshot(int file, const std::string& key, MachineState& blank);

}  // namespace landfall
