// Intel 82576 gigabit Ethernet controller (8086:10c9): dual-port boards, and QEMU's `igb`. Sections are those
// of the "Intel 82576EB Gigabit Ethernet Controller Datasheet", revision 2.87.
//
// A copy is one Ethernet frame the device sends to itself: the transmitter reads the payload at the source,
// the PHY loops the frame back, the receiver writes the payload at the destination. In front of the payload
// goes a header of ours, sent from the staging slice and received back into it, because the receiver splits
// every frame behind its first 64 bytes. So the payload is never looked at: it may be any bytes (nothing in
// it is taken for a broadcast, a VLAN tag, a pause frame or a broken IP header) and any number of them from
// one up, and exactly those are written.
//
// There is one copy in flight at a time, and one receive descriptor for it. With several, a frame lost to a
// fault would let the next one land in its place: a wrong landing made by the lab itself.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <thread>

#include "engines/engine.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

static_assert(std::endian::native == std::endian::little, "descriptors are little-endian");

// ---- registers: chapter 8 -----------------------------------------------------------------------

enum Register : std::size_t {
    kControl = 0x0000,          // CTRL, 8.2.1
    kStatus = 0x0008,           // STATUS, 8.2.2
    kEeprom = 0x0010,           // EECD
    kControlExtended = 0x0018,  // CTRL_EXT, 8.2.3
    kMdi = 0x0020,              // MDIC, 8.2.4
    kReceiveControl = 0x0100,   // RCTL, 8.10.1
    kTransmitControl = 0x0400,  // TCTL
    kInterruptMask = 0x150c,    // IMC: writing ones masks
    kExtendedMask = 0x1528,     // EIMC, likewise
    kLongestPacket = 0x5004,    // RLPML
    kAddressLow = 0x5400,       // RAL 0
    kAddressHigh = 0x5404,      // RAH 0
    kPcieControl = 0x5b00,      // GCR, 8.6.1
};

// Queue 0 of each direction; the registers of a queue are the same for both but for SRRCTL.
constexpr std::size_t kReceiveQueue = 0xc000, kTransmitQueue = 0xe000;
enum QueueRegister : std::size_t {
    kBaseLow = 0x00,
    kBaseHigh = 0x04,
    kLength = 0x08,
    kSplit = 0x0c,  // SRRCTL, 8.10.2; receive only
    kHead = 0x10,
    kTail = 0x18,
    kQueueControl = 0x28,  // RXDCTL, 8.10.10; TXDCTL, 8.12.13
};

constexpr std::uint32_t kFullDuplex = 1U << 0;  // CTRL
constexpr std::uint32_t kSetLinkUp = 1U << 6;
constexpr std::uint32_t kSpeedMask = 3U << 8;
constexpr std::uint32_t kSpeed1000 = 2U << 8;
constexpr std::uint32_t kForceSpeed = 1U << 11;
constexpr std::uint32_t kForceDuplex = 1U << 12;
constexpr std::uint32_t kReset = 1U << 26;

constexpr std::uint32_t kLinkUp = 1U << 1;                // STATUS
constexpr std::uint32_t kAutoReadDone = 1U << 9;          // EECD
constexpr std::uint32_t kLinkModeMask = 3U << 22;         // CTRL_EXT; 0: the internal PHY
constexpr std::uint32_t kDriverLoaded = 1U << 28;         // CTRL_EXT
constexpr std::uint32_t kResendOnTimeout = 1U << 16;      // GCR
constexpr std::uint32_t kAddressValid = 1U << 31;         // RAH
constexpr std::uint32_t kQueueEnable = 1U << 25;          // RXDCTL, TXDCTL
constexpr std::uint32_t kTransmitEnable = 1U << 1;        // TCTL
constexpr std::uint32_t kReceiveEnable = 1U << 1;         // RCTL
constexpr std::uint32_t kLongPackets = 1U << 5;           // RCTL
constexpr std::uint32_t kStripChecksum = 1U << 26;        // RCTL: the FCS never reaches memory
constexpr std::uint32_t kSplitAlways = 5U << 25;          // SRRCTL.DESCTYPE: fills the header buffer first
constexpr std::uint32_t kMdiWrite = 1U << 26 | 1U << 21;  // MDIC: write, to the internal PHY
constexpr std::uint32_t kMdiReady = 1U << 28;
constexpr std::uint32_t kMdiError = 1U << 30;

// PHY register 0 (IEEE 802.3, 22.2.4.1).
constexpr std::uint32_t kPhyLoopback = 1U << 14;
constexpr std::uint32_t kPhyNegotiate = 1U << 12;
constexpr std::uint32_t kPhyRestart = 1U << 9;
constexpr std::uint32_t kPhyFullDuplex = 1U << 8;
constexpr std::uint32_t kPhySpeed1000 = 1U << 6;

// ---- descriptors --------------------------------------------------------------------------------

// Both kinds are an address and a word that says what to do with it. The device answers in the word.
struct Descriptor {
    std::uint64_t address = 0, word = 0;
};

// Advanced transmit data descriptor, 7.2.2.3.
constexpr std::uint64_t kTransmitData = 1ULL << 29 | 3ULL << 20 | 1ULL << 25;  // DEXT, DTYP data, IFCS
constexpr std::uint64_t kEndOfFrame = 1ULL << 24;
constexpr unsigned kFrameLengthShift = 46;  // PAYLEN

// Advanced receive descriptor, 7.1.5. Read, the word is the header buffer's address, which is even, so the
// done bit is clear; written back, it is status and length.
constexpr std::uint64_t kReceiveDone = 1ULL << 0;
constexpr std::uint64_t kReceiveLast = 1ULL << 1;
constexpr std::uint64_t kReceiveErrors = 0xfff00000;
constexpr unsigned kReceiveLengthShift = 32;

constexpr std::uint32_t kDescriptors = 64;  // in a ring; a multiple of 8
constexpr std::uint32_t kHeaderBytes = 64;  // SRRCTL.BSIZEHEADER is 1
constexpr std::uint32_t kMostBytes = 8192;
constexpr std::uint32_t kBufferBytes = 9216;  // SRRCTL.BSIZEPACKET is 9: QEMU wants room for the header in it
constexpr std::uint32_t kLongestFrame = 9728;  // 9.5 KB with its FCS: what the device can send and receive
constexpr milliseconds kCopyLimit{100};        // a frame takes 75 us on the wire
static_assert(kHeaderBytes + kMostBytes <= kBufferBytes && kBufferBytes + 4 <= kLongestFrame);

// Destination and source of our frames, locally administered, and a type kept for experiments (IEEE 802,
// 88-B5): no protocol anyone parses. Only frames to this address are received.
constexpr std::array<std::uint8_t, 14> kFrameHeader{0x02, 0x4c, 0x46, 0, 0, 1,    0x02,
                                                    0x4c, 0x46, 0,    0, 1, 0x88, 0xb5};
constexpr std::uint32_t kOurAddressLow = 0x00464c02, kOurAddressHigh = 0x0100;

// The staging slice.
struct Shared {
    std::array<Descriptor, kDescriptors> transmit, receive;
    std::array<std::uint8_t, kHeaderBytes> header, returned_header;
};
constexpr std::size_t kRingAlignment = 128;

// ---- the driver, in the order things happen -----------------------------------------------------

class Igb final : public Engine {
  public:
    Igb(DeviceAccess access, StagingSlice staging)
        : access_(std::move(access)),
          shared_(*reinterpret_cast<Shared*>(staging.memory.data())),
          iova_(staging.iova) {
        if (staging.memory.size() < sizeof(Shared) || iova_.value % kRingAlignment != 0) std::abort();
    }

    /// To a receive descriptor, address 0 means that there is no buffer.
    Limits limits() const override { return {1, kMostBytes, 1, 1, Iova{~0ULL}, kCopyLimit, Iova{1}}; }

    bool reset() override { return reset_device() && loop_back() && start_queues(); }

    void start(const CopyRequest& copy) override {
        length_ = copy.length;
        offer_buffer(copy.destination);
        describe_frame(copy.source);
        std::atomic_thread_fence(std::memory_order_seq_cst);  // descriptors and payload before the doorbells
        write(kReceiveQueue + kTail, receive_tail_);
        write(kTransmitQueue + kTail, transmit_tail_);
    }

    Landing::Status wait(milliseconds limit) override {
        const auto end = Clock::now() + limit;
        auto& slot = shared_.receive[(receive_tail_ + kDescriptors - 1) % kDescriptors];
        for (;;) {
            const bool last_look = Clock::now() > end;
            const auto word = std::atomic_ref(slot.word).load(std::memory_order_acquire);
            if ((word & kReceiveDone) != 0) return judge(word);
            if (last_look) return Landing::Status::timeout;
            std::this_thread::yield();
        }
    }

  private:
    // -- bringing the device up

    /// A read that faulted can wedge the DMA engine in a way CTRL.RST does not cure, a function level reset
    /// does (4.2.1.5.1). Where the kernel knows no way to reset the function, CTRL.RST has to do.
    bool reset_device() const {
        (void)access_.reset_function();
        write(kControl, read(kControl) | kReset);
        std::this_thread::sleep_for(milliseconds(1));  // 4.2.1.6.1: not to be touched earlier
        if (!within(milliseconds(20), [&] { return (read(kControl) & kReset) == 0; })) return false;
        // Boards load their settings from the EEPROM now. QEMU never says so; there is nothing to wait for.
        (void)within(milliseconds(20), [&] { return (read(kEeprom) & kAutoReadDone) != 0; });
        write(kInterruptMask, ~0U);
        write(kExtendedMask, ~0U);
        // A read that timed out is lost, not tried again for ever.
        write(kPcieControl, read(kPcieControl) & ~kResendOnTimeout);
        return true;
    }

    /// PHY loopback, 3.5.6.3.1. QEMU's link comes up only by negotiation, 500 ms after it was asked for; on a
    /// board the next write to the PHY ends it before it begins.
    bool loop_back() const {
        write(kControlExtended, (read(kControlExtended) & ~kLinkModeMask) | kDriverLoaded);
        if (!write_phy(kPhyNegotiate | kPhyRestart)) return false;
        if (!write_phy(kPhyLoopback | kPhySpeed1000 | kPhyFullDuplex)) return false;
        std::this_thread::sleep_for(milliseconds(50));
        write(kControl, (read(kControl) & ~kSpeedMask) | kForceSpeed | kForceDuplex | kSpeed1000 |
                            kFullDuplex | kSetLinkUp);
        // The datasheet names no time; the kernel's driver gives a board 500 ms to settle.
        std::this_thread::sleep_for(milliseconds(450));
        return within(milliseconds(2000), [&] { return (read(kStatus) & kLinkUp) != 0; });
    }

    bool write_phy(std::uint32_t value) const {
        write(kMdi, kMdiWrite | value);
        return within(milliseconds(50), [&] { return (read(kMdi) & kMdiReady) != 0; }) &&
               (read(kMdi) & kMdiError) == 0;
    }

    bool start_queues() {
        shared_ = {};
        std::ranges::copy(kFrameHeader, shared_.header.begin());
        transmit_tail_ = receive_tail_ = 0;
        write(kAddressLow, kOurAddressLow);
        write(kAddressHigh, kOurAddressHigh | kAddressValid);
        write(kLongestPacket, kLongestFrame);
        write(kReceiveQueue + kSplit, kSplitAlways | (kHeaderBytes / 64) << 8 | kBufferBytes / 1024);
        set_ring(kReceiveQueue, offsetof(Shared, receive));
        set_ring(kTransmitQueue, offsetof(Shared, transmit));
        write(kReceiveControl, kReceiveEnable | kLongPackets | kStripChecksum);
        write(kTransmitControl, read(kTransmitControl) | kTransmitEnable);
        // The queues start only now that both directions are on (8.10.10, 8.12.13).
        const auto on = [&](std::size_t queue) { return (read(queue + kQueueControl) & kQueueEnable) != 0; };
        return within(milliseconds(20), [&] { return on(kReceiveQueue) && on(kTransmitQueue); });
    }

    void set_ring(std::size_t queue, std::size_t offset) const {
        const auto ring = (iova_ + offset).value;
        write(queue + kBaseLow, static_cast<std::uint32_t>(ring));
        write(queue + kBaseHigh, static_cast<std::uint32_t>(ring >> 32));
        write(queue + kLength, static_cast<std::uint32_t>(kDescriptors * sizeof(Descriptor)));
        write(queue + kHead, 0);
        write(queue + kTail, 0);
        write(queue + kQueueControl, kQueueEnable);  // thresholds 0: descriptors are written back at once
    }

    // -- one copy

    void offer_buffer(Iova destination) {
        put(shared_.receive, receive_tail_,
            {destination.value, (iova_ + offsetof(Shared, returned_header)).value});
    }

    /// The header, then the payload. QEMU takes what one descriptor names whole or not at all, and neighbours
    /// on the bus need not be neighbours in memory, so no descriptor crosses a page.
    void describe_frame(Iova source) {
        const std::uint64_t frame = static_cast<std::uint64_t>(kHeaderBytes + length_) << kFrameLengthShift;
        put(shared_.transmit, transmit_tail_,
            {(iova_ + offsetof(Shared, header)).value, kTransmitData | frame | kHeaderBytes});
        for (std::uint64_t done = 0; done < length_;) {
            const Iova from = source + done;
            const auto piece = std::min(length_ - done, kPageSize - from.value % kPageSize);
            done += piece;
            put(shared_.transmit, transmit_tail_,
                {from.value, kTransmitData | (done == length_ ? kEndOfFrame : 0) | piece});
        }
    }

    static void put(std::array<Descriptor, kDescriptors>& ring, std::uint32_t& tail,
                    const Descriptor& descriptor) {
        std::atomic_ref(ring[tail].address).store(descriptor.address, std::memory_order_relaxed);
        std::atomic_ref(ring[tail].word).store(descriptor.word, std::memory_order_relaxed);
        tail = (tail + 1) % kDescriptors;
    }

    /// Done is what the receiver calls one whole frame with our payload's length behind the header.
    [[nodiscard]] Landing::Status judge(std::uint64_t word) const {
        const bool whole = (word & (kReceiveLast | kReceiveErrors)) == kReceiveLast;
        const auto length = static_cast<std::uint16_t>(word >> kReceiveLengthShift);
        return whole && length == length_ ? Landing::Status::done : Landing::Status::error;
    }

    // -- registers

    [[nodiscard]] std::uint32_t read(std::size_t at) const { return access_.bar0.read<std::uint32_t>(at); }
    void write(std::size_t at, std::uint32_t value) const { access_.bar0.write(at, value); }

    template <class Condition>
    [[nodiscard]] static bool within(milliseconds limit, Condition condition) {
        const auto end = Clock::now() + limit;
        for (;;) {
            const bool last_look = Clock::now() > end;
            if (condition()) return true;
            if (last_look) return false;
            std::this_thread::sleep_for(milliseconds(1));
        }
    }

    DeviceAccess access_;
    Shared& shared_;
    Iova iova_;
    std::uint32_t transmit_tail_ = 0, receive_tail_ = 0;
    std::uint32_t length_ = 0;  ///< of the copy in flight
};

}  // namespace

std::unique_ptr<Engine> make_igb(DeviceAccess access, StagingSlice staging) {
    return std::make_unique<Igb>(std::move(access), staging);
}

}  // namespace landfall
