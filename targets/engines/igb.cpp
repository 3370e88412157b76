// Intel 82576 gigabit Ethernet controller (8086:10c9): dual-port boards, and QEMU's `igb`. How it copies is
// said in igb_queues.hpp.
#include "engines/igb_port.hpp"

namespace landfall {
namespace {

using namespace igb;
using std::chrono::milliseconds;

// Queue 0 of each direction.
constexpr std::size_t kReceiveQueue = 0xc000, kTransmitQueue = 0xe000;
constexpr StationAddress kAddress{};

class Igb final : public Engine {
  public:
    Igb(DeviceAccess access, StagingSlice staging)
        : port_(std::move(access)),
          queues_(port_.registers(), kReceiveQueue, kTransmitQueue, kAddress, staging) {}

    Limits limits() const override { return Queues::limits(); }

    bool reset() override { return port_.reset() && port_.loop_back() && start_queues(); }

    void start(const CopyRequest& copy) override { queues_.start(std::span(&copy, 1)); }
    void start_all(std::span<const CopyRequest> copies) override { queues_.start(copies); }
    Arrival wait(milliseconds limit) override { return queues_.wait(limit); }

  private:
    bool start_queues() {
        port_.receive_address(0, kAddress);
        queues_.set_up();
        port_.switch_on();
        // The queues start only now that both directions are on (8.10.10, 8.12.13).
        return within(milliseconds(20), [&] { return queues_.are_on(); });
    }

    Port port_;
    Queues queues_;
};

}  // namespace

std::unique_ptr<Engine> make_igb(DeviceAccess access, StagingSlice staging) {
    return std::make_unique<Igb>(std::move(access), staging);
}

}  // namespace landfall
