#include "landfall/arena.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "landfall/arena_words.hpp"

namespace landfall {
namespace {

using words::kWord;
using words::kWordsPerPage;

// Names the pages a buffer stands in where its own bytes are not all that was touched: offsets count from the page.
constexpr std::string_view kWholePages = ".pages";

[[noreturn]] void broken_invariant(const std::string& what) {
    fmt::print(stderr, "landfall: broken invariant: {}\n", what);
    std::abort();
}

}  // namespace

Veiled Arena::Block::load(std::uint64_t word) const { return Veiled(words::load(mapping.bytes().data() + word * kWord)); }

bool Arena::Block::writable(std::uint64_t word) const { return !read_only.overlaps({word * kWord, kWord}); }

void Arena::Block::put(std::uint64_t word, std::uint64_t value) {
    shadow[word] = Veiled(value);
    words::store(mapping.bytes().data() + word * kWord, value);
}

Arena::Arena(std::size_t staging_length) {
    auto [error, mapping] = Mapping::make({staging_length, false, false});
    if (!error.ok()) throw LabError("no memory for the staging window: " + error.str());
    staging_ = std::move(mapping);
}

std::uint64_t Arena::next_sequence() { return next_sequences(1); }

// The first of so many in a row.
std::uint64_t Arena::next_sequences(std::uint64_t count) {
    const std::lock_guard lock(mutex_);
    const auto first = sequence_ + 1;
    sequence_ += count;
    if (sequence_ >> StampKey::kSequenceBits != 0) broken_invariant("a run of more DMAs than there are stamps for");
    return first;
}

std::uint64_t Arena::last_sequence() const {
    const std::lock_guard lock(mutex_);
    return sequence_;
}

std::vector<std::span<const std::byte>> Arena::pages() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::span<const std::byte>> out{staging_.bytes()};
    for (const auto& b : blocks_) out.push_back(b->mapping.bytes());
    return out;
}

void Arena::stamp(std::span<std::byte> words, std::uint64_t sequence) const {
    for (std::uint64_t i = 0; i < words.size() / kWord; ++i)
        words::store(words.data() + i * kWord, key_.stamp({sequence, i}));
    std::atomic_thread_fence(std::memory_order_release);
}

Content Arena::stamps(std::uint64_t sequence, std::size_t length) const {
    Content out(length / kWord);
    for (std::uint64_t i = 0; i < out.size(); ++i) out[i] = Veiled(key_.stamp({sequence, i}));
    return out;
}

Content Arena::content(std::span<const std::byte> words) {
    std::atomic_thread_fence(std::memory_order_acquire);
    Content out(words.size() / kWord);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = Veiled(words::load(words.data() + i * kWord));
    return out;
}

Errno Arena::add(const Buffer& buffer) {
    auto [error, mapping] = Mapping::make({buffer.skew + buffer.size, buffer.huge, buffer.memfd, buffer.scattered});
    if (!error.ok()) return error;
    auto b = std::make_unique<Block>();
    b->name = buffer.name;
    b->mapping = std::move(mapping);
    b->skew = buffer.skew;
    b->size = buffer.size;
    stamp(b->mapping.bytes(), next_sequences(StampKey::sequences(b->mapping.bytes().size() / kWord)));
    b->shadow = content(b->mapping.bytes());
    if (buffer.read_only == buffer.whole()) b->read_only = {0, b->mapping.bytes().size()};
    else if (buffer.read_only) b->read_only = *buffer.read_only;
    if (b->read_only.length > 0) b->mapping.make_read_only(b->read_only.offset, b->read_only.length);
    const std::lock_guard lock(mutex_);
    blocks_.push_back(std::move(b));
    return {};
}

Arena::Block* Arena::find(std::string_view name) const {
    const auto it = std::ranges::find(blocks_, name, [](const auto& b) -> std::string_view { return b->name; });
    return it == blocks_.end() ? nullptr : it->get();
}

Arena::Block& Arena::block(std::string_view name) const {
    auto* block = find(name);
    if (block == nullptr) broken_invariant(fmt::format("buffer {} was never declared", name));
    return *block;
}

bool Arena::has(std::string_view buffer) const {
    const std::lock_guard lock(mutex_);
    return find(buffer) != nullptr;
}

Arena::Words Arena::words_at(const BufferSlice& slice) const {
    const std::string_view name = slice.buffer;
    if (name.ends_with(kWholePages)) {
        auto& b = block(name.substr(0, name.size() - kWholePages.size()));
        return {b, slice.span->offset / kWord, slice.span->length / kWord};
    }
    auto& b = block(name);
    const auto span = slice.span.value_or(BufferSlice::Span{0, b.size});
    return {b, (b.skew + span.offset) / kWord, span.length / kWord};
}

Memory Arena::memory(const BufferSlice& slice, bool file) const {
    const std::lock_guard lock(mutex_);
    const auto& b = block(slice.buffer);
    const auto span = slice.span.value_or(BufferSlice::Span{0, b.size});
    const auto offset = b.skew + span.offset;
    return {b.mapping.bytes().data() + offset, span.length, file ? b.mapping.file() : -1, offset};
}

// Looks at one page-sized piece of a DMA (words [first, first+count) of it, at `page_word` within its page) in every
// page. A word counts if it carries the DMA's stamp or, as `changes` says, if it is not what it was.
void Arena::mark_page(Marks& marks, Marks& second, const Content& words, std::uint64_t first,
                      std::uint64_t count, std::uint64_t page_word, const Changes& changes) const {
    const auto changed = [&](Veiled value, Veiled before) {
        return changes.count && value != before &&
               std::ranges::find(changes.others, sequence_of(value)) == changes.others.end();
    };
    const auto note = [&](std::uint64_t i, Block& b, std::uint64_t at) {
        (marks[i].block == nullptr ? marks : second)[i] = {&b, at};
    };
    const auto look = [&](bool thorough) {
        for (const auto& b : blocks_) {
            for (std::uint64_t page = 0; page < b->words(); page += kWordsPerPage) {
                const auto base = page + page_word;
                if (!thorough && b->load(base) != words[first]) continue;
                for (std::uint64_t i = 0; i < count; ++i) {
                    const auto value = b->load(base + i);
                    if (value == words[first + i] || (thorough && changed(value, b->shadow[base + i])))
                        note(first + i, *b, base + i);
                }
            }
        }
    };
    look(false);
    const auto piece = std::span(marks).subspan(first, count);
    if (std::ranges::all_of(piece, [](const Hit& h) { return h.block != nullptr; })) return;
    // Torn, garbled or nowhere: worth the look at every word.
    std::ranges::fill(piece, Hit{});
    std::ranges::fill(std::span(second).subspan(first, count), Hit{});
    look(true);
}

std::vector<Segment> Arena::segments(const Marks& marks) {
    std::vector<Segment> out;
    for (std::size_t i = 0; i < marks.size();) {
        const auto& head = marks[i];
        auto end = i + 1;
        while (end < marks.size() && marks[end].block == head.block &&
               (head.block == nullptr || marks[end].word == head.word + (end - i)))
            ++end;
        const auto count = end - i;
        i = end;
        out.push_back(head.block == nullptr ? Segment{std::nullopt, count * kWord} : segment(*head.block, head.word, count));
    }
    if (out.size() == 1 && !out[0].place) out[0].length = 0;
    return out;
}

Segment Arena::segment(const Block& b, std::uint64_t word, std::uint64_t count) {
    const auto at = word * kWord, length = count * kWord;
    if (at < b.skew || at + length > b.skew + b.size)
        return {BufferSlice{b.name + std::string(kWholePages), BufferSlice::Span{at, length}}, length};
    if (at == b.skew && length == b.size) return {BufferSlice{b.name, std::nullopt}, 0};
    return {BufferSlice{b.name, BufferSlice::Span{at - b.skew, length}}, length};
}

// The place of a piece within a page, if its words stand there in order and no other page has the first of them.
std::optional<Arena::Hit> Arena::only_place(std::span<const Veiled> words, std::uint64_t page_word) const {
    std::optional<Hit> found;
    for (const auto& b : blocks_)
        for (auto at = page_word; at < b->words(); at += kWordsPerPage) {
            if (b->load(at) != words[0]) continue;
            if (found) return std::nullopt;
            found = Hit{b.get(), at};
        }
    for (std::uint64_t i = 1; found && i < words.size(); ++i)
        if (found->block->load(found->word + i) != words[i]) return std::nullopt;
    return found;
}

std::optional<std::vector<Segment>> Arena::landed_whole(const Content& words, Iova iova) {
    struct Piece {
        Hit hit;
        std::uint64_t first, count;
    };
    std::vector<Piece> pieces;
    for (std::uint64_t first = 0, count = 0; first < words.size(); first += count) {
        const auto page_word = (iova.value / kWord + first) % kWordsPerPage;
        count = std::min<std::uint64_t>(words.size() - first, kWordsPerPage - page_word);
        const auto hit = only_place(std::span(words).subspan(first, count), page_word);
        if (!hit) return std::nullopt;
        pieces.push_back({*hit, first, count});
    }
    std::vector<Segment> out;
    for (std::size_t i = 0; i < pieces.size();) {
        auto [hit, first, count] = pieces[i];
        for (++i; i < pieces.size() && pieces[i].hit.block == hit.block && pieces[i].hit.word == hit.word + count; ++i)
            count += pieces[i].count;
        std::ranges::copy(std::span(words).subspan(first, count),
                          hit.block->shadow.begin() + static_cast<std::ptrdiff_t>(hit.word));
        out.push_back(segment(*hit.block, hit.word, count));
    }
    return out;
}

// What a DMA carried stays, and what another has put over it since is that one's. Other bytes, a device's own, may stand
// elsewhere too and would be found there later: `fresh` stamps take their place.
void Arena::accept(const Marks& marks, const Content& carried, bool fresh) {
    const auto sequence = sequence_ + 1;
    sequence_ += std::max<std::uint64_t>(1, StampKey::sequences(marks.size()));
    for (std::size_t i = 0; i < marks.size(); ++i) {
        auto* b = marks[i].block;
        if (b == nullptr) continue;
        const auto word = marks[i].word;
        b->shadow[word] = fresh ? b->load(word) : carried[i];
        if (!fresh || (i < carried.size() && b->shadow[word] == carried[i]) || !b->writable(word)) continue;
        b->put(word, key_.stamp({sequence, i}));
    }
}

Arena::Found Arena::landed(const Content& words, Iova iova, const Changes& changes) {
    std::atomic_thread_fence(std::memory_order_acquire);
    const std::lock_guard lock(mutex_);
    if (auto places = landed_whole(words, iova)) return {std::move(*places), {}};
    Marks marks(words.size()), second(words.size());
    for (std::uint64_t first = 0; first < words.size();) {
        const auto page_word = (iova.value / kWord + first) % kWordsPerPage;
        const auto count = std::min<std::uint64_t>(words.size() - first, kWordsPerPage - page_word);
        mark_page(marks, second, words, first, count, page_word, changes);
        first += count;
    }
    if (!changes.keep) {
        accept(marks, words, changes.count);
        accept(second, words, changes.count);
    }
    Found found{segments(marks), {}};
    for (auto& s : segments(second))
        if (s.place) found.also.push_back(std::move(s));
    return found;
}

std::vector<Segment> Arena::origin(const Content& words, Iova iova, const std::vector<Segment>& skip) {
    Marks marks(words.size());
    const std::lock_guard lock(mutex_);
    const auto skipped = [&](const Block& b, std::uint64_t word) {
        return std::ranges::any_of(skip, [&](const Segment& s) {
            if (!s.place) return false;
            const auto at = words_at(*s.place);
            return &at.block == &b && word >= at.first && word < at.first + at.count;
        });
    };
    for (std::uint64_t i = 0; i < words.size(); ++i) {
        if (!is_stamp(words[i])) continue;
        // The page of the word before is nearly always the page of this one.
        if (i > 0 && marks[i - 1].block != nullptr) {
            const auto& m = marks[i - 1];
            if (m.word + 1 < m.block->words() && m.block->load(m.word + 1) == words[i]) {
                marks[i] = {m.block, m.word + 1};
                continue;
            }
        }
        const auto page_word = (iova.value / kWord + i) % kWordsPerPage;
        for (const auto& b : blocks_)
            for (auto at = page_word; at < b->words() && marks[i].block == nullptr; at += kWordsPerPage)
                if (b->load(at) == words[i] && !skipped(*b, at)) marks[i] = {b.get(), at};
    }
    return segments(marks);
}

Content Arena::content(const std::vector<Segment>& places, std::size_t length) const {
    Content out(length / kWord);
    std::size_t done = 0;
    const std::lock_guard lock(mutex_);
    for (const auto& s : places) {
        if (!s.place) {
            done += s.length / kWord;
            continue;
        }
        const auto at = words_at(*s.place);
        for (std::uint64_t i = 0; i < at.count && done < out.size(); ++i, ++done)
            out[done] = at.block.load(at.first + i);
    }
    return out;
}

void Arena::restamp(const std::vector<Segment>& places) {
    const auto sequence = next_sequence();
    std::uint64_t index = 0;
    const std::lock_guard lock(mutex_);
    for (const auto& s : places) {
        if (!s.place) continue;
        const auto at = words_at(*s.place);
        for (auto w = at.first; w < at.first + at.count; ++w)
            if (at.block.writable(w)) at.block.put(w, key_.stamp({sequence, index++}));
    }
}

std::uint64_t Arena::sequence_of(Veiled word) const {
    const auto number = key_.read(word.word());
    return number && number->sequence <= sequence_ ? number->sequence : 0;
}

void Arena::scrub() {
    const std::lock_guard lock(mutex_);
    const auto sequence = sequence_ + 1;
    std::uint64_t index = 0;
    for (const auto& b : blocks_)
        for (std::uint64_t w = 0; w < b->words(); ++w) {
            const auto value = b->load(w);
            if (value != b->shadow[w] && !is_stamp(value) && b->writable(w)) b->put(w, key_.stamp({sequence, index++}));
        }
    sequence_ += std::max<std::uint64_t>(1, StampKey::sequences(index));
}

std::vector<BufferSlice> Arena::sweep() {
    std::vector<BufferSlice> out;
    const std::lock_guard lock(mutex_);
    for (const auto& b : blocks_) {
        Marks marks;
        for (std::uint64_t w = 0; w <= b->words(); ++w) {
            const bool changed = w < b->words() && b->load(w) != b->shadow[w];
            if (changed) marks.push_back({b.get(), w});
            if (changed || marks.empty()) continue;
            for (auto& s : segments(marks)) out.push_back(std::move(*s.place));
            accept(marks, {}, true);
            marks.clear();
        }
    }
    return out;
}

}  // namespace landfall
