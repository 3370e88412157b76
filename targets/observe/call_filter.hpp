// The system calls an observed thread stops at, as a seccomp filter.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace landfall {

/// Those that change who has which file open, make a thread or wait for one, and the ioctls of VFIO and
/// iommufd; all others pass at full speed.
class CallFilter {
  public:
    CallFilter();
    /// For this thread and all it starts, for good; system calls only. A tracer must be there already:
    /// without one those calls fail. False: this kernel has no seccomp filters.
    [[nodiscard]] bool install() const;

  private:
    std::vector<sock_filter> code_;
};

}  // namespace landfall
