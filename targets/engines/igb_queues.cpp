#include "engines/igb_queues.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <thread>

namespace landfall::igb {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

static_assert(std::endian::native == std::endian::little, "descriptors are little-endian");

// Registers of a queue, chapter 8; the same for both directions but for SRRCTL.
enum QueueRegister : std::size_t {
    kBaseLow = 0x00,
    kBaseHigh = 0x04,
    kLength = 0x08,
    kSplit = 0x0c,  // SRRCTL, 8.10.2; receive only
    kHead = 0x10,
    kTail = 0x18,
    kQueueControl = 0x28,  // RXDCTL, 8.10.10; TXDCTL, 8.12.13
};
constexpr std::uint32_t kQueueEnable = 1U << 25;  // RXDCTL, TXDCTL
constexpr std::uint32_t kSplitAlways = 5U << 25;  // SRRCTL.DESCTYPE: fills the header buffer first

// Advanced transmit data descriptor, 7.2.2.3.
constexpr std::uint64_t kTransmitData = 1ULL << 29 | 3ULL << 20 | 1ULL << 25;  // DEXT, DTYP data, IFCS
constexpr std::uint64_t kEndOfFrame = 1ULL << 24;
constexpr std::uint64_t payload_length(std::uint64_t bytes) {
    return bytes << 46;
}  // PAYLEN, of a whole frame

// Advanced receive descriptor, 7.1.5. Read, the word is the header buffer's address, which is even, so the
// done bit is clear; written back, it is status and length.
constexpr std::uint64_t kReceiveDone = 1ULL << 0;
constexpr std::uint64_t kReceiveLast = 1ULL << 1;
constexpr std::uint64_t kReceiveErrors = 0xfff00000;
constexpr unsigned kReceiveLengthShift = 32;

constexpr milliseconds kCopyLimit{100};  // a frame takes 75 us on the wire
constexpr std::size_t kRingAlignment = 128;

// A type kept for experiments (IEEE 802, 88-B5): no protocol anyone parses.
constexpr std::array<std::uint8_t, 2> kFrameType{0x88, 0xb5};
constexpr StationAddress kNobody{0};

void set_header(std::array<std::uint8_t, kHeaderBytes>& header, StationAddress to, StationAddress from) {
    auto at = std::ranges::copy(to.bytes(), header.begin()).out;
    at = std::ranges::copy(from.bytes(), at).out;
    std::ranges::copy(kFrameType, at);
}

void put(std::array<Descriptor, kDescriptors>& ring, std::uint32_t& tail, const Descriptor& descriptor) {
    std::atomic_ref(ring[tail].address).store(descriptor.address, std::memory_order_relaxed);
    std::atomic_ref(ring[tail].word).store(descriptor.word, std::memory_order_relaxed);
    tail = (tail + 1) % kDescriptors;
}

}  // namespace

Queues::Queues(Registers bar, std::size_t receive, std::size_t transmit, StationAddress address,
               StagingSlice staging)
    : bar_(bar),
      receive_(receive),
      transmit_(transmit),
      address_(address),
      shared_(*reinterpret_cast<Shared*>(staging.memory.data())),
      iova_(staging.iova) {
    if (staging.memory.size() < sizeof(Shared) || iova_.value % kRingAlignment != 0) std::abort();
}

/// To a receive descriptor, address 0 means that there is no buffer.
Limits Queues::limits() { return {1, kMostBytes, 1, 1, Iova{~0ULL}, kCopyLimit, Iova{1}}; }

void Queues::set_up() {
    shared_ = {};
    set_header(shared_.header, address_, address_);
    set_header(shared_.lost, kNobody, address_);
    transmit_tail_ = receive_tail_ = 0;
    write(receive_ + kSplit, kSplitAlways | (kHeaderBytes / 64) << 8 | kBufferBytes / 1024);
    set_ring(receive_, offsetof(Shared, receive));
    set_ring(transmit_, offsetof(Shared, transmit));
}

void Queues::begin_anew() {
    put_piece(iova_ + offsetof(Shared, lost), kHeaderBytes, payload_length(kHeaderBytes) | kEndOfFrame);
}

void Queues::set_ring(std::size_t queue, std::size_t offset) const {
    const auto ring = (iova_ + offset).value;
    write(queue + kBaseLow, static_cast<std::uint32_t>(ring));
    write(queue + kBaseHigh, static_cast<std::uint32_t>(ring >> 32));
    write(queue + kLength, static_cast<std::uint32_t>(kDescriptors * sizeof(Descriptor)));
    write(queue + kHead, 0);
    write(queue + kTail, 0);
    write(queue + kQueueControl, kQueueEnable);  // thresholds 0: descriptors are written back at once
}

bool Queues::are_on() const {
    const auto on = [&](std::size_t queue) { return (read(queue + kQueueControl) & kQueueEnable) != 0; };
    return on(receive_) && on(transmit_);
}

void Queues::start(const CopyRequest& copy) {
    length_ = copy.length;
    offer_buffer(copy.destination);
    describe_frame(copy.source);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // descriptors and payload before the doorbells
    write(receive_ + kTail, receive_tail_);
    write(transmit_ + kTail, transmit_tail_);
}

Landing::Status Queues::wait(milliseconds limit) const {
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

void Queues::offer_buffer(Iova destination) {
    put(shared_.receive, receive_tail_,
        {destination.value, (iova_ + offsetof(Shared, returned_header)).value});
}

/// The header, then the payload. QEMU takes what one descriptor names whole or not at all, and neighbours
/// on the bus need not be neighbours in memory, so no descriptor crosses a page.
void Queues::describe_frame(Iova source) {
    put_piece(iova_ + offsetof(Shared, header), kHeaderBytes, payload_length(kHeaderBytes + length_));
    for (std::uint64_t done = 0; done < length_;) {
        const Iova from = source + done;
        const auto piece = std::min(length_ - done, kPageSize - from.value % kPageSize);
        done += piece;
        put_piece(from, piece, done == length_ ? kEndOfFrame : 0);
    }
}

void Queues::put_piece(Iova from, std::uint64_t length, std::uint64_t flags) {
    put(shared_.transmit, transmit_tail_, {from.value, kTransmitData | flags | length});
}

/// Done is what the receiver calls one whole frame with our payload's length behind the header.
Landing::Status Queues::judge(std::uint64_t word) const {
    const bool whole = (word & (kReceiveLast | kReceiveErrors)) == kReceiveLast;
    const auto length = static_cast<std::uint16_t>(word >> kReceiveLengthShift);
    return whole && length == length_ ? Landing::Status::done : Landing::Status::error;
}

}  // namespace landfall::igb
