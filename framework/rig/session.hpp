// The controller's half of the protocol `landfall exec` speaks.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "landfall/stamp.hpp"
#include "rig/channel.hpp"
#include "rig/rig.hpp"

namespace landfall {

struct SessionOptions {
    std::string rig;                  ///< name, for messages
    std::chrono::milliseconds limit;  ///< longest a step may take, beside what it says itself
    /// The rig says `exit STATUS` when `landfall exec` has ended: so a guest's first process does.
    bool says_exit = true;
    /// Sees all of the rig's memory. exec asks for it if it was started with --witness.
    std::function<std::vector<Stamped>(const StampSearch&)> search{};
};

/// Speaks over `channel`, on which `landfall exec` has just been started: reads the head of the trace. Throws
/// LabError if exec says it cannot start. Ended or destroyed, the channel is free for the next one, or it is
/// closed.
[[nodiscard]] std::unique_ptr<Session> make_session(Channel& channel, const SessionOptions& options);

/// What a step takes by its own words, beside the time everything needs.
[[nodiscard]] std::chrono::milliseconds implied_time(const Step& step);

}  // namespace landfall
