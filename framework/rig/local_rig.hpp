// The rig that is this machine: `landfall exec` as a child, the same protocol over a socket pair.
#pragma once

#include "rig/rig.hpp"

namespace landfall {

[[nodiscard]] std::unique_ptr<Rig> start_local_rig(const RigFile& file, const RigOptions& options);

}  // namespace landfall
