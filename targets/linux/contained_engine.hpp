// An engine of a device that is there only while its group is in a container.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "landfall/target.hpp"

namespace landfall {

/// Whether a device's registers can be reached, and since when: each time they can again the device has been reset.
class Presence {
  public:
    void begin() { now_ = ++count_; }
    void end() { now_ = 0; }
    /// Which time this is; 0: it is not there.
    [[nodiscard]] std::uint64_t now() const { return now_; }

  private:
    std::atomic<std::uint64_t> now_{0};
    std::uint64_t count_ = 0;
};

/// While the device is away its DMA is lost. When it is back it is brought up before its next copy. Where it goes away
/// under a copy, what the copy's own engine makes of all ones counts.
class ContainedEngine final : public Engine {
  public:
    using Make = std::function<std::unique_ptr<Engine>()>;
    /// `make` is called when the device is there; `presence` outlives the engine.
    ContainedEngine(const Presence& presence, Make make) : presence_(presence), make_(std::move(make)) {}

    [[nodiscard]] Limits limits() const override;
    [[nodiscard]] bool reset() override;
    void start(const CopyRequest& copy) override;
    [[nodiscard]] Arrival wait(std::chrono::milliseconds limit) override;

  private:
    const Presence& presence_;
    Make make_;
    std::unique_ptr<Engine> engine_;
    std::uint64_t up_since_ = 0;  ///< the presence in which the engine was brought up
    bool lost_ = false;           ///< the copy under way was never started
};

}  // namespace landfall
