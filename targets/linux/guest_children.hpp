// Child processes of a guest's first process, to which every orphan of the machine comes.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "os/fd.hpp"

namespace landfall {

/// Forks; the exit status of `child`, which runs in the new process: 128 and its number if a signal ended it, 127 if there was none.
int run_child(const std::function<int()>& child);

/// A process that was forked before it was needed. A fork takes an emulated processor that was just restored, and has translated no
/// code yet, 40 to 90 ms: this one is part of the snapshot.
class StandIn {
  public:
    /// `work` is done in the new process with what run() is given.
    explicit StandIn(const std::function<int(const std::string&)>& work);
    StandIn(StandIn&&) = default;
    StandIn& operator=(StandIn&&) = default;

    /// Its exit status; it is gone then. Nothing if it was gone before.
    std::optional<int> run(const std::string& request);
    [[nodiscard]] pid_t process() const { return process_; }

  private:
    Fd request_;
    pid_t process_ = -1;
};

}  // namespace landfall
