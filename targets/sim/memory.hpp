// The machine's memory, as far as somebody looks at it: which named block owns which physical page.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "landfall/line.hpp"
#include "sim/hardware.hpp"

namespace landfall::sim {

/// Whole pages of the lab's, one behind the other in physical memory. No name: nobody looks at it.
struct Block {
    std::string name;
    std::uint64_t size = 0, skew = 0;  ///< bytes; the buffer begins `skew` into the first page
    std::optional<BufferSlice::Span> read_only{};  ///< bytes of the buffer
    Frame first = 0;
    [[nodiscard]] std::uint64_t pages() const { return align_up(skew + size, kPageSize) / kPageSize; }
};

/// Bytes of a block, counted from the start of its first page.
struct Span {
    const Block* block = nullptr;
    std::uint64_t address = 0;
    [[nodiscard]] Frame frame() const { return block->first + address / kPageSize; }
};

class Memory {
  public:
    /// `huge`: aligned to 2 MiB. The block stays where it is.
    const Block& add(const Buffer& buffer);
    [[nodiscard]] const Block* find(std::string_view name) const;
    /// What owns a physical address; no block: nothing of the lab's that somebody looks at.
    [[nodiscard]] std::optional<Span> at(Frame frame, std::uint64_t offset) const;
    /// It is a page of the lab's, whether somebody looks at it or not.
    [[nodiscard]] bool owns(Frame frame) const { return block_of(frame) != nullptr; }

  private:
    [[nodiscard]] const Block* block_of(Frame frame) const;
    // Where IOVAs of scenarios usually lie, so that a DMA that is not translated meets somebody's page.
    Frame next_ = 0x1f3;
    std::deque<Block> blocks_;  ///< ascending
};

/// Consecutive bytes of a DMA and where they are, put together piece by piece in the order of the DMA's
/// addresses.
class Track {
  public:
    void add(std::uint64_t length, const std::optional<Span>& place);
    /// In the words of a trace: a whole buffer by its bare name, bytes nobody looks at without a place.
    [[nodiscard]] std::vector<Segment> segments() const;
    [[nodiscard]] bool anywhere() const;
    /// These bytes are among them.
    [[nodiscard]] bool covers(const Span& place, std::uint64_t length) const;
    void clear() { parts_.clear(); }

  private:
    struct Part {
        std::uint64_t length;
        Span place;  ///< no block: nowhere
    };
    std::vector<Part> parts_;
};

[[nodiscard]] BufferSlice slice(const Span& place, std::uint64_t length);

}  // namespace landfall::sim
