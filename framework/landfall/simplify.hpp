// What a step could be instead and ask less. Part of shrink().
#pragma once

#include <vector>

#include "landfall/line.hpp"

namespace landfall {

/// The line with one argument made simpler, in each way there is; none is the line itself.
[[nodiscard]] std::vector<Line> simpler(const Line& line);

}  // namespace landfall
