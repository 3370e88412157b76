// The lab's memory, and where a DMA left its mark in it. Only Arena looks at memory that devices write.
//
// Every byte has a known content that exists nowhere else: a buffer is filled with stamps of its own, and every DMA
// carries stamps of its own. A landing is found by looking for those stamps at the page offset of the DMA in every
// page the lab owns (an IOMMU translates whole pages, so the offset within a page never changes), and a shadow copy
// shows every byte that changed without a DMA to account for it.
//
// Stamps stand in these pages and nowhere else in the machine, not even in the heap of this process: what is kept of
// them is veiled. So a search of all memory finds what DMA left elsewhere (stamp.hpp).
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "landfall/error.hpp"
#include "landfall/line.hpp"
#include "landfall/mapping.hpp"
#include "landfall/stamp.hpp"
#include "landfall/target.hpp"

namespace landfall {

class Arena {
  public:
    /// `staging_length`: bytes of the memory behind the staging window, mapped into every IOAS.
    explicit Arena(std::size_t staging_length);

    /// Allocates and fills. Names are unique (the validator sees to it). ENOMEM if the memory, huge pages say,
    /// is not to be had.
    [[nodiscard]] Errno add(const Buffer& buffer);
    /// Was such a buffer added?
    [[nodiscard]] bool has(std::string_view buffer) const;
    /// What `map` and `map-file` pass to the kernel.
    [[nodiscard]] Memory memory(const BufferSlice& slice, bool file) const;
    [[nodiscard]] std::span<std::byte> staging() const { return staging_.bytes(); }

    /// A new number for the stamps of one DMA or one filling.
    [[nodiscard]] std::uint64_t next_sequence();
    /// Fills words of the staging memory with the stamps of `sequence`.
    void stamp(std::span<std::byte> words, std::uint64_t sequence) const;
    /// The same stamps where no device sees them.
    [[nodiscard]] Content stamps(std::uint64_t sequence, std::size_t length) const;
    /// What is in words of the staging memory now.
    [[nodiscard]] static Content content(std::span<const std::byte> words);
    /// They are these, all of them.
    [[nodiscard]] static bool holds(std::span<const std::byte> memory, const Content& words);

    /// All memory in which stamps may stand: whole pages of this process.
    [[nodiscard]] std::vector<std::span<const std::byte>> pages() const;
    [[nodiscard]] const StampKey& key() const { return key_; }
    [[nodiscard]] std::uint64_t last_sequence() const;

    struct Found {
        std::vector<Segment> places;  ///< consecutive pieces covering the whole DMA
        std::vector<Segment> also;    ///< further places where pieces of it were found
    };
    /// Whether a word that changed is a DMA's although it carries none of its stamps.
    struct Changes {
        bool count = false;
        std::span<const std::uint64_t> others;  ///< sequences of other DMAs: their stamps are theirs
        bool keep = false;                      ///< what is found stays as it is, until restamp()
    };
    /// Where the bytes of a DMA write to `iova` went. What is found becomes the known content, and what it did not carry
    /// gives way to fresh stamps.
    [[nodiscard]] Found landed(const Content& words, Iova iova, const Changes& changes);
    /// Whose content the bytes are that a DMA read from `iova`. `skip`: pieces not to look into (a copy's own target).
    /// Bytes that are no stamps are a device's own, and nobody's content wherever else they may stand.
    [[nodiscard]] std::vector<Segment> origin(const Content& words, Iova iova,
                                              const std::vector<Segment>& skip = {});
    /// Where a whole DMA has landed or come from. Buffers stay as long as the arena does, so it stays good.
    class Spot;
    [[nodiscard]] Spot spot(const std::vector<Segment>& places) const;
    /// These words stand in these places, all of them, and none of its pages begins in another page too, of the buffers there were when
    /// spot() was asked. Takes no lock, as it is done for every DMA of a pump: a buffer is not moved, and lasts.
    [[nodiscard]] static bool stands(const Spot& spot, const Content& words);
    /// They become the known content where they still stand: what has come over them is another DMA's, to be accepted with it.
    void keep(const Spot& spot, const Content& words);

    /// Current content of the places, in order; gaps are left as zeros.
    [[nodiscard]] Content content(const std::vector<Segment>& places, std::size_t length) const;
    /// Gives the places a fresh content, so that a copy does not leave two pages alike.
    void restamp(const std::vector<Segment>& places);

    /// Gives fresh stamps to what has changed and is none: a device's own bytes, which another device may hold as well.
    void scrub();
    /// Bytes that changed although no DMA that was looked at put them there; they become the known content.
    [[nodiscard]] std::vector<BufferSlice> sweep();

  private:
    struct Block {
        std::string name;
        Mapping mapping;
        std::uint64_t skew = 0, size = 0;  ///< the buffer is `size` bytes, `skew` into the mapping
        BufferSlice::Span read_only;  ///< bytes of the mapping
        Content shadow;  ///< of the whole mapping
        [[nodiscard]] bool writable(std::uint64_t word) const;
        [[nodiscard]] std::uint64_t words() const { return shadow.size(); }
        [[nodiscard]] Veiled load(std::uint64_t word) const;
        /// In memory and as its known content.
        void put(std::uint64_t word, std::uint64_t value);
    };
    struct Hit {
        Block* block = nullptr;
        std::uint64_t word = 0;  ///< of the mapping
    };
    using Marks = std::vector<Hit>;  ///< one per word of a DMA; block == nullptr: nowhere

    struct Words {
        Block& block;
        std::uint64_t first, count;
    };
    [[nodiscard]] Block* find(std::string_view name) const;
    [[nodiscard]] Block& block(std::string_view name) const;
    [[nodiscard]] Words words_at(const BufferSlice& slice) const;
    /// Where a DMA's words stand if each of its pages has one whole place, as nearly all have; else nullopt.
    [[nodiscard]] std::optional<std::vector<Segment>> landed_whole(const Content& words, Iova iova);
    [[nodiscard]] std::optional<Hit> only_place(std::span<const Veiled> words, std::uint64_t page_word) const;
    void mark_page(Marks& marks, Marks& second, const Content& words, std::uint64_t first,
                   std::uint64_t count, std::uint64_t page_word, const Changes& changes) const;
    [[nodiscard]] static std::vector<Segment> segments(const Marks& marks);
    [[nodiscard]] static Segment segment(const Block& b, std::uint64_t word, std::uint64_t count);
    void accept(const Marks& marks, const Content& carried, bool fresh);
    /// Of a stamp that was given out; 0 for any other word.
    [[nodiscard]] std::uint64_t sequence_of(Veiled word) const;
    [[nodiscard]] bool is_stamp(Veiled word) const { return sequence_of(word) != 0; }
    [[nodiscard]] std::uint64_t next_sequences(std::uint64_t count);

    StampKey key_ = StampKey::fresh();
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Block>> blocks_;
    Mapping staging_;
    std::uint64_t sequence_ = 0;
};

class Arena::Spot {
    friend class Arena;
    struct Piece {  ///< within a page
        Hit hit;
        std::uint64_t count;
        const std::byte* at;
    };
    [[nodiscard]] bool twice(const Piece& piece, Veiled word) const;

    std::vector<Piece> pieces_;
    std::vector<std::span<const std::byte>> buffers_;  ///< all there were
};

}  // namespace landfall
