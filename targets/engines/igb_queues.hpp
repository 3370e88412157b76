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
// There is one copy in flight at a time, and one receive descriptor for it. With several, a frame lost to a
// fault would let the next one land in its place: a wrong landing made by the lab itself.
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
constexpr std::uint32_t kDescriptors = 64;  // in a ring; a multiple of 8

/// What lies in the staging slice.
struct Shared {
    std::array<Descriptor, kDescriptors> transmit, receive;
    std::array<std::uint8_t, kHeaderBytes> header, returned_header, lost;
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
    /// As Engine has them.
    void start(const CopyRequest& copy);
    [[nodiscard]] Landing::Status wait(std::chrono::milliseconds limit) const;

  private:
    void set_ring(std::size_t queue, std::size_t offset) const;
    void offer_buffer(Iova destination);
    void put_piece(Iova from, std::uint64_t length, std::uint64_t flags);
    void describe_frame(Iova source);
    [[nodiscard]] Landing::Status judge(std::uint64_t word) const;
    [[nodiscard]] std::uint32_t read(std::size_t at) const { return bar_.read<std::uint32_t>(at); }
    void write(std::size_t at, std::uint32_t value) const { bar_.write(at, value); }

    Registers bar_;
    std::size_t receive_, transmit_;
    StationAddress address_;
    Shared& shared_;
    Iova iova_;
    std::uint32_t transmit_tail_ = 0, receive_tail_ = 0;
    std::uint32_t length_ = 0;  ///< of the copy in flight
};

}  // namespace landfall::igb
