// Places where DMA has landed and is expected again: every word is compared, and looked for in no other page but by its first.
#include <algorithm>
#include <atomic>
#include <utility>

#include "landfall/arena.hpp"
#include "landfall/arena_words.hpp"

namespace landfall {
namespace {

using words::kWord;
using words::kWordsPerPage;

#ifdef __x86_64__
static_assert(sizeof(Veiled) == kWord);
using AtOnce = std::make_index_sequence<8>;

// The veiled words go into registers and memory is taken from there: stamps side by side in registers that the kernel saves would
// be found in its memory. All of one page before any of the other: an emulated processor, whose TLB holds one page of an
// index, goes from the one to the other and back once for eight words where both have the same.
template <std::size_t... I>
bool some_alike(const std::uint64_t* at, const std::uint64_t* veiled, std::index_sequence<I...>) {
    std::uint64_t both[] = {veiled[I]...};
    const auto taken = [](std::uint64_t& x) { asm volatile("" : "+r"(x)); };
    const auto flip = [](std::uint64_t& x, const std::uint64_t& by) { asm volatile("xor %1, %0" : "+r"(x) : "m"(by)); };
    (taken(both[I]), ...);
    (flip(both[I], at[I]), ...);
    return (both[I] & ...) == ~0ULL;
}
#endif

// The words at `at` are the `count` that are expected.
bool alike(const std::byte* at, const Veiled* expected, std::uint64_t count) {
    std::uint64_t i = 0;
#ifdef __x86_64__
    const auto* seen = reinterpret_cast<const std::uint64_t*>(at);
    const auto* veiled = reinterpret_cast<const std::uint64_t*>(expected);
    for (; i + AtOnce::size() <= count; i += AtOnce::size())
        if (!some_alike(seen + i, veiled + i, AtOnce{})) return false;
#endif
    for (; i < count; ++i)
        if (Veiled(words::load(at + i * kWord)) != expected[i]) return false;
    return true;
}

}  // namespace

Arena::Spot Arena::spot(const std::vector<Segment>& places) const {
    Spot out;
    const std::lock_guard lock(mutex_);
    for (const auto& place : places) {
        const auto at = words_at(*place.place);
        for (auto word = at.first, end = at.first + at.count; word < end;) {
            const auto count = std::min(end - word, kWordsPerPage - word % kWordsPerPage);
            out.pieces_.push_back({{&at.block, word}, count, at.block.mapping.bytes().data() + word * kWord});
            word += count;
        }
    }
    for (const auto& block : blocks_) out.buffers_.push_back(block->mapping.bytes());
    return out;
}

bool Arena::holds(std::span<const std::byte> memory, const Content& words) {
    std::atomic_thread_fence(std::memory_order_acquire);
    return memory.size() == words.size() * kWord && alike(memory.data(), words.data(), words.size());
}

bool Arena::stands(const Spot& spot, const Content& words) {
    std::atomic_thread_fence(std::memory_order_acquire);
    const auto* next = words.data();
    for (const auto& piece : spot.pieces_) {
        if (!alike(piece.at, next, piece.count) || spot.twice(piece, *next)) return false;
        next += piece.count;
    }
    return true;
}

// Another page has this word where the piece's begins in its own.
bool Arena::Spot::twice(const Piece& piece, Veiled word) const {
    for (const auto& buffer : buffers_)
        for (auto at = piece.hit.word % kWordsPerPage * kWord; at < buffer.size(); at += kPageSize)
            if (const auto* place = buffer.data() + at; Veiled(words::load(place)) == word && place != piece.at) return true;
    return false;
}

void Arena::keep(const Spot& spot, const Content& words) {
    const std::lock_guard lock(mutex_);
    auto next = words.begin();
    for (const auto& [hit, count, at] : spot.pieces_)
        for (auto word = hit.word; word < hit.word + count; ++word, ++next)
            if (hit.block->load(word) == *next) hit.block->shadow[word] = *next;
}

}  // namespace landfall
