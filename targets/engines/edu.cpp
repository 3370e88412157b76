// QEMU's educational device (1234:11e8), specified in QEMU docs/specs/edu.rst.
//
// It moves up to 4096 bytes between RAM and a buffer of its own, 100 ms after the doorbell, and reports no errors. A
// copy is therefore two transfers, RAM to buffer and buffer to RAM. A blocked transfer into the buffer leaves its old
// content there, which would look like a read that worked, so the buffer is first filled with bytes that stand nowhere
// else ("primed").
#include <algorithm>
#include <atomic>
#include <thread>

#include "engines/engine.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// edu.rst, "MMIO area spec" and "DMA controller".
enum Register : std::size_t {
    kSource = 0x80,
    kDestination = 0x88,
    kCount = 0x90,
    kCommand = 0x98,
};
constexpr std::uint64_t kRun = 0x01;        // starts a transfer; reads as set while it is under way
constexpr std::uint64_t kFromDevice = 0x02;  // buffer to RAM
constexpr std::uint64_t kBuffer = 0x40000;   // device address of the buffer
constexpr std::uint32_t kBufferBytes = 4096;
constexpr milliseconds kTransferLimit{2000};  // 100 ms nominal; a loaded emulator may be late

class Edu final : public Engine {
  public:
    Edu(DeviceAccess access, StagingSlice staging) : registers_(access.bar0), staging_(staging) {
        std::ranges::fill(staging_.memory.first(kBufferBytes), std::byte{0xed});
    }

    Limits limits() const override {
        // The address mask is a property of the emulated machine (dma_mask=); rigs open it to 64 bits.
        return {1, kBufferBytes, 1, 1, Iova{~0ULL}, 3 * kTransferLimit};
    }

    bool reset() override {
        pending_.reset();
        return settle(kTransferLimit);  // no reset register: a transfer under way ends by itself
    }

    void start(const CopyRequest& copy) override {
        // The transfer at the end of the copy that matters is the one left in flight.
        if (copy.from_staging) {
            ring_to_buffer(copy.source, copy.length);
            lost_ = !settle(kTransferLimit);
            ring_from_buffer(copy.destination, copy.length);
            return;
        }
        ring_to_buffer(staging_.iova, copy.length);
        lost_ = !settle(kTransferLimit);
        ring_to_buffer(copy.source, copy.length);
        pending_ = copy;
    }

    Arrival wait(milliseconds limit) override {
        const auto copy = std::exchange(pending_, std::nullopt);
        bool in_time = !lost_ && settle(limit);
        if (in_time && copy) {
            ring_from_buffer(copy->destination, copy->length);
            in_time = settle(limit);
        }
        return in_time ? Landing::Status::done : Landing::Status::timeout;
    }

  private:
    void ring_to_buffer(Iova source, std::uint32_t length) const { ring(source.value, kBuffer, length, kRun); }
    void ring_from_buffer(Iova destination, std::uint32_t length) const {
        ring(kBuffer, destination.value, length, kRun | kFromDevice);
    }
    void ring(std::uint64_t source, std::uint64_t destination, std::uint32_t length, std::uint64_t command) const {
        std::atomic_thread_fence(std::memory_order_seq_cst);  // payload before doorbell
        registers_.write<std::uint64_t>(kSource, source);
        registers_.write<std::uint64_t>(kDestination, destination);
        registers_.write<std::uint64_t>(kCount, length);
        registers_.write<std::uint64_t>(kCommand, command);
    }

    /// Waits until no transfer is under way.
    [[nodiscard]] bool settle(milliseconds limit) const {
        const auto end = Clock::now() + limit;
        while ((registers_.read<std::uint64_t>(kCommand) & kRun) != 0) {
            if (Clock::now() > end) return false;
            std::this_thread::sleep_for(milliseconds(1));
        }
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return true;
    }

    Registers registers_;
    StagingSlice staging_;
    std::optional<CopyRequest> pending_;  ///< its bytes are on their way into the buffer
    bool lost_ = false;                   ///< a transfer of the copy under way never ended
};

}  // namespace

std::unique_ptr<Engine> make_edu(DeviceAccess access, StagingSlice staging) {
    return std::make_unique<Edu>(std::move(access), staging);
}

}  // namespace landfall
