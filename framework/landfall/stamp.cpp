#include "landfall/stamp.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace landfall {
namespace {

constexpr std::uint64_t kWord = sizeof(std::uint64_t);

constexpr std::uint64_t inverse(std::uint64_t odd) {
    std::uint64_t x = odd;  // right in 3 bits; each round doubles them (Newton)
    for (int i = 0; i < 5; ++i) x *= 2 - odd * x;
    return x;
}
constexpr std::uint64_t kFirst = StampKey::kFirst, kSecond = StampKey::kSecond, kNumbers = StampKey::kNumbers;
constexpr std::uint64_t kFirstBack = inverse(kFirst), kSecondBack = inverse(kSecond);
static_assert(kFirst * kFirstBack == 1 && kSecond * kSecondBack == 1);
constexpr unsigned kHalf = StampKey::kHalf;

std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30U)) * kFirst;
    z = (z ^ (z >> 27U)) * kSecond;
    return z ^ (z >> 31U);
}

}  // namespace

StampKey::StampKey(std::uint64_t nonce)
    : nonce_(nonce), first_(mix(nonce + 0x9e3779b97f4a7c15U)), second_(mix(first_ + 0x9e3779b97f4a7c15U)) {}

StampKey StampKey::fresh() {
    return StampKey(static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()));
}

std::optional<StampKey::Number> StampKey::read(std::uint64_t word) const {
    if (word >> kMarkShift != kMark) return std::nullopt;
    auto x = word & kNumbers;
    x = (x ^ x >> kHalf) * kSecondBack & kNumbers;
    x = (x ^ second_) & kNumbers;
    x = (x ^ x >> kHalf) * kFirstBack & kNumbers;
    x = (x ^ first_) & kNumbers;
    return Number{x >> kIndexBits, x & ((1ULL << kIndexBits) - 1)};
}

// ---- the search -----------------------------------------------------------------------------------------------

namespace {

// 16 bytes at once: every instruction set we run on has that. Only the halves of words with the mark in their high
// bits are looked for, so a lower half may answer, too: the close look tells.
using Lanes = std::uint32_t __attribute__((vector_size(16), may_alias));
constexpr std::uint32_t kMarkMask = 0xfff00000U;
constexpr std::uint32_t kMarkHalf = static_cast<std::uint32_t>(StampKey::kMark << 20U);
constexpr std::size_t kBlock = 512;  // bytes told apart by one branch
static_assert(kPageSize % kBlock == 0 && kMarkHalf != 0);

// Is there a half with the mark? Others write that memory, hence volatile: one load each, no second look.
bool may_hold_stamps(const std::byte* block) {
    const auto* at = reinterpret_cast<const volatile Lanes*>(block);
    Lanes any{};
    for (std::size_t i = 0; i < kBlock / sizeof(Lanes); ++i) {
        const Lanes lanes = at[i];
        any |= reinterpret_cast<Lanes>((lanes & kMarkMask) == kMarkHalf);
    }
    return (any[0] | any[1] | any[2] | any[3]) != 0;
}

std::uint64_t load(const std::byte* at) {
    auto* word = const_cast<std::uint64_t*>(reinterpret_cast<const std::uint64_t*>(at));
    return std::atomic_ref(*word).load(std::memory_order_relaxed);
}

// Puts stamps together that stand side by side.
class Gatherer {
  public:
    Gatherer(const StampSearch& search, std::vector<Stamped>& out) : search_(search), out_(out) {}
    ~Gatherer() { end(); }
    Gatherer(const Gatherer&) = delete;
    Gatherer& operator=(const Gatherer&) = delete;

    void look(GuestAddress at, std::uint64_t word) {
        const auto n = search_.key.read(word);
        if (!n || n->sequence == 0 || n->sequence > search_.last_sequence) return end();
        const bool goes_on = words_ > 0 && n->sequence == last_.sequence && n->index == last_.index + 1 &&
                             run_.range.end() == at;
        if (!goes_on) {
            end();
            run_ = {{at, 0}, n->sequence};
        }
        run_.range.length += kWord;
        ++words_;
        last_ = *n;
    }
    void end() {
        if (words_ > 1) {
            // A page of a longer DMA behind the one before.
            if (!out_.empty() && out_.back().sequence == run_.sequence && out_.back().range.end() == run_.range.start)
                out_.back().range.length += run_.range.length;
            else
                out_.push_back(run_);
        }
        words_ = 0;
    }
    [[nodiscard]] bool full() const { return out_.size() >= StampSearch::kMost; }

  private:
    const StampSearch& search_;
    std::vector<Stamped>& out_;
    Stamped run_;
    std::uint64_t words_ = 0;
    StampKey::Number last_;
};

}  // namespace

std::vector<Stamped> find_stamps(std::span<const std::byte> memory, GuestAddress start, const StampSearch& search) {
    std::vector<Stamped> out;
    Gatherer gatherer(search, out);
    auto owned = std::ranges::lower_bound(search.owned, start, {}, [](const GuestRange& r) { return r.end(); });
    for (std::uint64_t page = 0; page + kPageSize <= memory.size() && !gatherer.full(); page += kPageSize) {
        const auto address = start + page;
        while (owned != search.owned.end() && owned->end() <= address) ++owned;
        if (owned != search.owned.end() && owned->start <= address) {
            gatherer.end();
            continue;
        }
        for (std::uint64_t at = page; at < page + kPageSize; at += kBlock) {
            if (!may_hold_stamps(memory.data() + at)) {
                gatherer.end();
                continue;
            }
            for (std::uint64_t i = 0; i < kBlock; i += kWord)
                gatherer.look(start + at + i, load(memory.data() + at + i));
        }
    }
    gatherer.end();
    return out;
}

}  // namespace landfall
