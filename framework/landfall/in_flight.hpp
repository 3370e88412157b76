// More of a scenario at once, so that its interleavings are worth trying.
#pragma once

#include "landfall/scenario.hpp"

namespace landfall {

/// The scenario with its DMA in flight while things change: a `dma` that follows a control step of the IOMMU
/// (map, unmap, attach, replace, detach, destroy, ...) is started before that step and waited for in its old
/// place. What was expected of it is dropped: where it lands is now open. Everything else stays as it is.
[[nodiscard]] Scenario in_flight(const Scenario& scenario);

}  // namespace landfall
