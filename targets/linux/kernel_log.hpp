// The kernel's log as events: IOMMU faults and complaints of the kernel about itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "landfall/line.hpp"
#include "linux/smmu_event.hpp"
#include "os/fd.hpp"

namespace landfall {

/// One line of the log, without its time stamp. nullopt: nothing of interest in this line alone.
[[nodiscard]] std::optional<Event> parse_kernel_line(std::string_view text);

/// Follows /dev/kmsg (Documentation/ABI/testing/dev-kmsg) from now on.
class KernelLog {
  public:
    /// Without /dev/kmsg there are no events; available() tells.
    KernelLog();
    [[nodiscard]] bool available() const { return static_cast<bool>(fd_); }
    [[nodiscard]] std::vector<Event> drain();

  private:
    Fd fd_;
    SmmuEventReader smmu_;
};

}  // namespace landfall
