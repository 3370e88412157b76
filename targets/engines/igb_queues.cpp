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

constexpr std::uint64_t kNoNumber = ~0ULL;  // of a header that has not come back

Header header_of(StationAddress to, StationAddress from) { return {to.bytes(), from.bytes(), kFrameType, {}, kNoNumber, {}}; }

void put(Descriptor& place, const Descriptor& descriptor) {
    std::atomic_ref(place.address).store(descriptor.address, std::memory_order_relaxed);
    std::atomic_ref(place.word).store(descriptor.word, std::memory_order_relaxed);
}

/// Done is what the receiver calls one whole frame with our payload's length behind the header.
Landing::Status judge(std::uint64_t word, std::uint32_t length) {
    const bool whole = (word & (kReceiveLast | kReceiveErrors)) == kReceiveLast;
    const auto arrived = static_cast<std::uint16_t>(word >> kReceiveLengthShift);
    return whole && arrived == length ? Landing::Status::done : Landing::Status::error;
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
Limits Queues::limits() { return {1, kMostBytes, 1, kCopies, Iova{~0ULL}, kCopyLimit, Iova{1}}; }

void Queues::set_up() {
    shared_ = {};
    shared_.headers.fill(header_of(address_, address_));
    shared_.lost = header_of(kNobody, address_);
    transmit_tail_ = 0;
    next_ = oldest_ = filled_next_ = 0;
    write(receive_ + kSplit, kSplitAlways | (kHeaderBytes / 64) << 8 | kBufferBytes / 1024);
    set_ring(receive_, offsetof(Shared, receive), kReceiveDescriptors);
    set_ring(transmit_, offsetof(Shared, transmit), kTransmitDescriptors);
}

void Queues::begin_anew() {
    put_piece(iova_ + offsetof(Shared, lost), kHeaderBytes, payload_length(kHeaderBytes) | kEndOfFrame);
}

void Queues::set_ring(std::size_t queue, std::size_t offset, std::size_t descriptors) const {
    const auto ring = (iova_ + offset).value;
    write(queue + kBaseLow, static_cast<std::uint32_t>(ring));
    write(queue + kBaseHigh, static_cast<std::uint32_t>(ring >> 32));
    write(queue + kLength, static_cast<std::uint32_t>(descriptors * sizeof(Descriptor)));
    write(queue + kHead, 0);
    write(queue + kTail, 0);
    write(queue + kQueueControl, kQueueEnable);  // thresholds 0: descriptors are written back at once
}

bool Queues::are_on() const {
    const auto on = [&](std::size_t queue) { return (read(queue + kQueueControl) & kQueueEnable) != 0; };
    return on(receive_) && on(transmit_);
}

void Queues::start(std::span<const CopyRequest> copies) {
    const auto now = Clock::now();
    for (const auto& request : copies) {
        if (next_ - oldest_ == kCopies) std::abort();
        copy(next_) = {request.destination, request.length, now};
        offer_buffer(request.destination);
        describe_frame(request.source, request.length);
        ++next_;
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);  // descriptors and payload before the doorbells
    write(receive_ + kTail, static_cast<std::uint32_t>(next_ % kReceiveDescriptors));
    write(transmit_ + kTail, transmit_tail_);
}

Arrival Queues::wait(milliseconds limit) {
    if (oldest_ == next_) std::abort();
    const auto number = oldest_++;
    const auto end = copy(number).begun + limit;
    take_in_order();
    while (!copy(number).arrival) {
        const bool last_look = Clock::now() > end;
        // Behind a descriptor that will never be written back, since the device did not reach it.
        for (auto slot = filled_next_ + 1; slot < next_; ++slot) take(slot);
        const bool lost = overtaken(number);
        take_in_order();  // once more: what was written before that is seen now
        if (copy(number).arrival) break;
        if (lost || last_look) return Landing::Status::timeout;
        std::this_thread::yield();
    }
    return *copy(number).arrival;
}

void Queues::take_in_order() {
    while (filled_next_ != next_ && take(filled_next_)) ++filled_next_;
}

bool Queues::overtaken(std::uint64_t number) const {
    for (auto later = number + 1; later < next_; ++later)
        if (copies_[later % kCopies].arrival) return true;
    return false;
}

bool Queues::take(std::uint64_t slot) {
    if (copy(slot).filled) return true;
    const auto word = std::atomic_ref(shared_.receive[slot % kReceiveDescriptors].word).load(std::memory_order_acquire);
    if ((word & kReceiveDone) == 0) return false;
    copy(slot).filled = true;
    const auto said = std::atomic_ref(shared_.returned[slot % kCopies].number).load(std::memory_order_relaxed);
    // Without its header it is taken for the one that was expected. None arrives in front of its own place.
    const auto number = said >= slot && said < next_ ? said : slot;
    auto& arrived = copy(number);
    arrived.arrival = judge(word, arrived.length);
    if (number != slot) arrived.arrival->elsewhere = copy(slot).destination;
    return true;
}

void Queues::offer_buffer(Iova destination) {
    const auto slot = next_ % kCopies;
    shared_.returned[slot].number = kNoNumber;
    put(shared_.receive[next_ % kReceiveDescriptors],
        {destination.value, (iova_ + offsetof(Shared, returned) + slot * sizeof(Header)).value});
}

/// The header, then the payload. QEMU takes what one descriptor names whole or not at all, and neighbours
/// on the bus need not be neighbours in memory, so no descriptor crosses a page.
void Queues::describe_frame(Iova source, std::uint32_t length) {
    const auto slot = next_ % kCopies;
    shared_.headers[slot].number = next_;
    put_piece(iova_ + offsetof(Shared, headers) + slot * sizeof(Header), kHeaderBytes, payload_length(kHeaderBytes + length));
    for (std::uint64_t done = 0; done < length;) {
        const Iova from = source + done;
        const auto piece = std::min(length - done, kPageSize - from.value % kPageSize);
        done += piece;
        put_piece(from, piece, done == length ? kEndOfFrame : 0);
    }
}

void Queues::put_piece(Iova from, std::uint64_t length, std::uint64_t flags) {
    put(shared_.transmit[transmit_tail_], {from.value, kTransmitData | flags | length});
    transmit_tail_ = (transmit_tail_ + 1) % kTransmitDescriptors;
}

}  // namespace landfall::igb
