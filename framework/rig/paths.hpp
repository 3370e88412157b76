// Where things are found and kept.
#pragma once

#include <filesystem>
#include <string>

#include "rig/arch.hpp"

namespace landfall {

/// $LANDFALL_FIXTURES, else a folder fixtures/ beside the code that asks or beside one of the three folders above it,
/// as a source tree has it that was moved, else that of the source tree this was built from.
[[nodiscard]] std::filesystem::path fixtures_dir();

/// $XDG_CACHE_HOME/landfall, else ~/.cache/landfall; made if missing. Throws LabError if it cannot be.
[[nodiscard]] std::filesystem::path cache_dir();

/// $LANDFALL_SNAPSHOTS, else snapshots/ in the cache; it may be missing. Throws as cache_dir().
[[nodiscard]] std::filesystem::path snapshots_dir();

/// The `landfall` program that goes into a guest: $LANDFALL_PROGRAM, else the running program if it is
/// landfall, else a program of that name in the folder of the code that asks or in one of the three above it
/// (build/landfall seen from build/python/landfall/_core.so). Throws LabError if there is none.
[[nodiscard]] std::filesystem::path landfall_program();

/// What a guest begins with: landfall_program(), or for another architecture the folder in the cache that holds one for it.
/// Throws LabError if there is none.
[[nodiscard]] std::filesystem::path guest_program(const Arch& arch);

}  // namespace landfall
