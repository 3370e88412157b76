// Events of an SMMUv3 in the kernel's log, each of which takes several lines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "landfall/line.hpp"

namespace landfall {

/// Linux 6.12 prints an event record as it is: a line that begins it, and one for each of its four words
/// (drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c, arm_smmu_evtq_thread()). Lines of others may come in between.
class SmmuEventReader {
  public:
    /// The next line of the log; what it completes, if anybody is to be told.
    [[nodiscard]] std::optional<Event> take(std::string_view line);

  private:
    std::string unit_;  ///< of the record that is being read, with what the kernel puts in front of its lines
    std::vector<std::uint64_t> words_;
};

/// What a record of four words says (Arm IHI 0070, section 7.3). nullopt: of a kind that blames nobody.
[[nodiscard]] std::optional<Event> smmu_event(const std::vector<std::uint64_t>& words);

}  // namespace landfall
