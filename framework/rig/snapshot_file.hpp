// The file of a snapshot: sections one behind the other, and a hash of all of them at the end.
#pragma once

#include <filesystem>
#include <optional>

#include "rig/snapshot.hpp"

namespace landfall {

/// Writes a machine's state to an empty file. Throws LabError.
void write_snapshot(int file, const std::string& key, const MachineState& state);

/// nullopt if the file does not hold, from end to end, what write_snapshot() once wrote under this key for a machine of so
/// much memory. Throws LabError if this machine has no memory for it.
[[nodiscard]] std::optional<MachineState> read_snapshot(int file, const std::string& key, std::uint64_t memory_bytes);

}  // namespace landfall
