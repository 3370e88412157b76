// A point in time some wait must not pass, and waiting for file descriptors until then.
#pragma once

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <span>

namespace landfall {

class Deadline {
  public:
    using Clock = std::chrono::steady_clock;
    explicit Deadline(std::chrono::milliseconds limit) : at_(Clock::now() + limit) {}

    /// Never negative.
    [[nodiscard]] std::chrono::milliseconds left() const {
        return std::max(std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now()),
                        std::chrono::milliseconds(0));
    }
    [[nodiscard]] bool passed() const { return left().count() == 0; }

  private:
    Clock::time_point at_;
};

/// Waits until one of the descriptors has something to say (its `revents` tell). False: the deadline passed
/// first.
[[nodiscard]] inline bool wait_any(std::span<pollfd> fds, const Deadline& deadline) {
    for (;;) {
        const auto left = deadline.left();
        const auto slice = std::min(left, std::chrono::milliseconds(std::chrono::hours(1)));
        const int ready = poll(fds.data(), fds.size(), static_cast<int>(slice.count()));
        if (ready > 0) return true;
        if (left.count() == 0) return false;
    }
}

}  // namespace landfall
