// A thread that stays on one processor, and the programs it starts meanwhile.
#pragma once

#include <sched.h>

namespace landfall {

/// For as long as it lives. Where the kernel refuses, nothing changes.
class OneCpu {
  public:
    OneCpu() {
        const int here = sched_getcpu();
        if (here < 0 || sched_getaffinity(0, sizeof before_, &before_) != 0) return;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(here, &one);
        set_ = sched_setaffinity(0, sizeof one, &one) == 0;
    }
    OneCpu(const OneCpu&) = delete;
    OneCpu& operator=(const OneCpu&) = delete;
    ~OneCpu() {
        if (set_) sched_setaffinity(0, sizeof before_, &before_);
    }

  private:
    cpu_set_t before_{};
    bool set_ = false;
};

}  // namespace landfall
