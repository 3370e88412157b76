// The port of an Intel 82576 as its physical function sees it: reset, and the PHY that loops every frame
// back. Sections as in igb_queues.hpp.
#pragma once

#include <chrono>
#include <thread>

#include "engines/igb_queues.hpp"

namespace landfall::igb {

template <class Condition>
[[nodiscard]] bool within(std::chrono::milliseconds limit, Condition condition) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + limit;
    for (;;) {
        const bool last_look = Clock::now() > end;
        if (condition()) return true;
        if (last_look) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

class Port {
  public:
    explicit Port(DeviceAccess access) : access_(std::move(access)) {}

    [[nodiscard]] Registers registers() const { return access_.bar0; }
    /// From any state, after a fault too. Nothing is sent or received afterwards.
    [[nodiscard]] bool reset() const;
    /// Link up, and what is sent comes back.
    [[nodiscard]] bool loop_back() const;
    /// Frames to this address are received, at queue 0 or in the pools of the mask (RAH.POOLSEL).
    void receive_address(unsigned index, StationAddress address, std::uint32_t pools = 0) const;
    /// Sends and receives from now on, what queues there are.
    void switch_on() const;

    [[nodiscard]] std::uint32_t read(std::size_t at) const { return access_.bar0.read<std::uint32_t>(at); }
    void write(std::size_t at, std::uint32_t value) const { access_.bar0.write(at, value); }

  private:
    [[nodiscard]] bool write_phy(std::uint32_t value) const;

    DeviceAccess access_;
};

}  // namespace landfall::igb
