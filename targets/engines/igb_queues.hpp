// A pair of queues of an Intel 82576 that sends itself frames: what a copy is, for physical and virtual
// functions alike. Sections are those of the "Intel 82576EB Gigabit Ethernet Controller Datasheet",
// revision 2.87.
//
// A copy is one Ethernet frame the function sends to itself: the transmitter reads the payload at the source,
// the PHY loops the frame back, the receiver writes the payload at the destination. In front of the payload
// goes a header of ours, sent from the staging slice and received back into it, because the receiver splits
// every frame behind its first 64 bytes. So the payload is never looked at: it may be any bytes (nothing in
// it is taken for a broadcast, a VLAN tag, a pause frame or a broken IP header) and any number of them from
// one up, and exactly those are written.
//
// Frames arrive in the order in which they were sent, each in the receive descriptor that is next. One that is
// lost, since its source was blocked, leaves its descriptor to the frame behind it, which so lands where the
// lost one was to. The number in the header that comes back says which frame it is; the lab must not take for
// the IOMMU's doing what was its own.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "engines/engine.hpp"

namespace landfall::igb {

constexpr std::uint32_t kHeaderBytes = 64;  // SRRCTL.BSIZEHEADER is 1
constexpr std::uint32_t kMostBytes = 8192;
constexpr std::uint32_t kBufferBytes = 9216;  // SRRCTL.BSIZEPACKET is 9: QEMU wants room for the header in it
constexpr std::uint32_t kLongestFrame = 9728;  // 9.5 KB with its FCS: what the device can send and receive
static_assert(kHeaderBytes + kMostBytes <= kBufferBytes && kBufferBytes + 4 <= kLongestFrame);

/// The station address by which frames find back to the queues that sent them: locally administered (IEEE
/// 802), one for each function that shares a port. A receive address register has it in two words (RAL, RAH).
struct StationAddress {
    std::uint8_t last = 1;  ///< its last byte
    [[nodiscard]] std::array<std::uint8_t, 6> bytes() const { return {0x02, 0x4c, 0x46, 0, 0, last}; }
    [[nodiscard]] std::uint32_t low() const { return 0x00464c02; }
    [[nodiscard]] std::uint32_t high() const { return std::uint32_t{last} << 8; }
};

/// Both kinds are an address and a word that says what to do with it. The device answers in the word.
struct Descriptor {
    std::uint64_t address = 0, word = 0;
};

/// In front of a payload. It has no padding: every byte is sent.
struct Header {
    std::array<std::uint8_t, 6> to, from;
    std::array<std::uint8_t, 2> type;
    std::array<std::uint8_t, 2> unused;
    std::uint64_t number;  ///< of the copy
    std::array<std::uint8_t, 40> rest;
};
static_assert(sizeof(Header) == kHeaderBytes);

constexpr std::uint32_t kCopies = 64;  // under way at once
constexpr std::uint32_t kPieces = 1 + (kMostBytes + kPageSize - 1) / kPageSize + 1;  // descriptors of the longest frame
// Of the rings, multiples of 8. One that is full looks like an empty one.
constexpr std::uint32_t kTransmitDescriptors = 512, kReceiveDescriptors = 128;
static_assert(kTransmitDescriptors > kCopies * kPieces && kReceiveDescriptors > kCopies);

/// What lies in the staging slice. The headers are those of the copies under way, by number.
struct Shared {
    std::array<Descriptor, kTransmitDescriptors> transmit;
    std::array<Descriptor, kReceiveDescriptors> receive;
    std::array<Header, kCopies> headers, returned;
    Header lost;
};

class Queues {
  public:
    /// `receive` and `transmit` are where in `bar` the registers of the two queues begin.
    Queues(Registers bar, std::size_t receive, std::size_t transmit, StationAddress address,
           StagingSlice staging);

    [[nodiscard]] static Limits limits();
    /// Empties the rings and switches the queues on, which takes effect once the device sends and receives at
    /// all.
    void set_up();
    [[nodiscard]] bool are_on() const;
    /// Before the next copy goes a frame that no one receives: it ends what a reset may have left of another
    /// frame.
    void begin_anew();
    /// One doorbell for all of them.
    void start(std::span<const CopyRequest> copies);
    /// As Engine has it. The limit counts from the start of the copy: of many that are lost each was given its time.
    [[nodiscard]] Arrival wait(std::chrono::milliseconds limit);

  private:
    struct Copy {
        Iova destination;
        std::uint32_t length = 0;
        std::chrono::steady_clock::time_point begun{};
        std::optional<Arrival> arrival{};
        bool filled = false;  ///< the descriptor that was meant for it, by whichever copy
    };
    void set_ring(std::size_t queue, std::size_t offset, std::size_t descriptors) const;
    void offer_buffer(Iova destination);
    void put_piece(Iova from, std::uint64_t length, std::uint64_t flags);
    void describe_frame(Iova source, std::uint32_t length);
    void take_in_order();
    /// What has arrived in one descriptor. False: nothing yet.
    bool take(std::uint64_t slot);
    [[nodiscard]] bool overtaken(std::uint64_t number) const;
    [[nodiscard]] Copy& copy(std::uint64_t number) { return copies_[number % kCopies]; }
    [[nodiscard]] std::uint32_t read(std::size_t at) const { return bar_.read<std::uint32_t>(at); }
    void write(std::size_t at, std::uint32_t value) const { bar_.write(at, value); }

    Registers bar_;
    std::size_t receive_, transmit_;
    StationAddress address_;
    Shared& shared_;
    Iova iova_;
    std::uint32_t transmit_tail_ = 0;
    std::array<Copy, kCopies> copies_{};
    // Copies by number: the next to be started, the oldest not waited for, the one whose descriptor is filled next.
    std::uint64_t next_ = 0, oldest_ = 0, filled_next_ = 0;
};

}  // namespace landfall::igb
