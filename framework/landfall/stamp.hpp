// The 8-byte words a DMA carries, and a buffer is filled with. A stamp names its sequence, its place in it, and the
// run it belongs to, so it exists once in a machine's memory, or wherever DMA has copied it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "landfall/types.hpp"

namespace landfall {

/// Makes the stamps of one run and knows them again. 12 bits of every stamp are the mark of all stamps, 52 the number
/// of this one, scrambled by the key.
class StampKey {
  public:
    static constexpr unsigned kMarkShift = 52;
    static constexpr std::uint64_t kMark = 0xb7d;  ///< in the high bits: no address, no text, no small number
    static constexpr unsigned kIndexBits = 22, kSequenceBits = kMarkShift - kIndexBits;
    static constexpr std::uint64_t kNumbers = (1ULL << kMarkShift) - 1;
    static constexpr unsigned kHalf = kMarkShift / 2;  ///< so that x ^= x >> kHalf undoes itself
    /// Odd, so they have inverses modulo 2^52: those of splitmix64 (Steele, Lea, Flood 2014).
    static constexpr std::uint64_t kFirst = 0xbf58476d1ce4e5b9U, kSecond = 0x94d049bb133111ebU;

    explicit StampKey(std::uint64_t nonce);
    /// A key no other run in this machine has had: from the clock, which never stands still between two of them.
    [[nodiscard]] static StampKey fresh();
    [[nodiscard]] std::uint64_t nonce() const { return nonce_; }

    struct Number {
        std::uint64_t sequence = 0, index = 0;
        bool operator==(const Number&) const = default;
    };
    /// An index past 22 bits runs on into the sequences behind, which are the caller's to keep free. Two rounds, each with
    /// half of the key: numbers of another run come out as anything, not as other numbers in a row.
    [[nodiscard]] std::uint64_t stamp(Number number) const {
        auto x = ((number.sequence << kIndexBits) + number.index) & kNumbers;
        x = ((x ^ first_) * kFirst) & kNumbers;
        x = (x ^ x >> kHalf ^ second_) * kSecond & kNumbers;
        return (x ^ x >> kHalf) | kMark << kMarkShift;
    }
    /// nullopt if the word bears no mark. A word with one may still be anything, so ask who gave that number out.
    [[nodiscard]] std::optional<Number> read(std::uint64_t word) const;

    /// Sequences that so many stamps take.
    [[nodiscard]] static constexpr std::uint64_t sequences(std::uint64_t stamps) {
        return (stamps + (1ULL << kIndexBits) - 1) >> kIndexBits;
    }

  private:
    std::uint64_t nonce_, first_, second_;
};

/// A word out of lab memory as the program may keep it: the complement, which bears no mark. What lies in heap, stack
/// or saved registers must never look like something that DMA put there, since all of a machine's memory is searched.
class Veiled {
  public:
    Veiled() = default;
    explicit Veiled(std::uint64_t word) : veiled_(~word) {}
    [[nodiscard]] std::uint64_t word() const { return ~veiled_; }
    bool operator==(const Veiled&) const = default;

  private:
    std::uint64_t veiled_ = ~0ULL;  ///< of 0
};

/// Bytes a DMA carried, or may have.
using Content = std::vector<Veiled>;

/// Stamps of one run, found side by side where they should not be.
struct Stamped {
    GuestRange range;
    std::uint64_t sequence = 0;  ///< of the first
    bool operator==(const Stamped&) const = default;
};

/// What to look for, and where not.
struct StampSearch {
    StampKey key;
    std::uint64_t last_sequence = 0;  ///< given out so far
    std::vector<GuestRange> owned;    ///< whole pages, ascending: may hold stamps

    static constexpr std::size_t kMost = 64;  ///< places; who has more has enough
};

/// Every place in `memory`, the machine's from `start` on, where two or more stamps of consecutive numbers stand side
/// by side outside the owned pages; it ends with the page in which StampSearch::kMost are reached. A lone stamp is not
/// told from a register that the kernel saved. `memory` is whole pages and may change meanwhile: each word is looked at
/// as it is at some instant.
[[nodiscard]] std::vector<Stamped> find_stamps(std::span<const std::byte> memory, GuestAddress start,
                                               const StampSearch& search);

}  // namespace landfall
