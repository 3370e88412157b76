#include "linux/contained_engine.hpp"

#include <algorithm>
#include <limits>
#include <thread>

namespace landfall {
namespace {

constexpr std::chrono::milliseconds kAway{1};  // or a pump would lose copies as fast as it can count

}  // namespace

Limits ContainedEngine::limits() const {
    // Nothing is refused of a device that nobody has seen yet.
    auto out = engine_ ? engine_->limits() : Limits{};
    if (!engine_) {
        out.max_length = std::numeric_limits<std::uint32_t>::max();
        out.last_address = Iova{~0ULL};
    }
    out.in_flight = 1;
    return out;
}

bool ContainedEngine::reset() {
    up_since_ = 0;
    const auto now = presence_.now();
    if (now == 0) return false;
    if (!engine_) engine_ = make_();
    if (!engine_->reset()) return false;
    up_since_ = now;
    return true;
}

void ContainedEngine::start(const CopyRequest& copy) {
    const auto now = presence_.now();
    lost_ = (now == 0 || now != up_since_) && !reset();
    if (!lost_) engine_->start(copy);
}

Arrival ContainedEngine::wait(std::chrono::milliseconds limit) {
    if (!lost_) return engine_->wait(limit);
    std::this_thread::sleep_for(std::min(limit, kAway));
    return Landing::Status::timeout;
}

}  // namespace landfall
