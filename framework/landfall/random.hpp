// Arbitrary numbers that are the same on every machine: the standard's distributions are not.
#pragma once

#include <cstdint>
#include <functional>

namespace landfall {

/// Where arbitrary decisions come from: a seed, or somebody who wants to choose himself.
class Choices {
  public:
    virtual ~Choices() = default;
    /// A number in [0, n); n > 0. Small numbers are to lead to simple things.
    [[nodiscard]] virtual std::uint64_t below(std::uint64_t n) = 0;
    /// Makes something of parts whose choices belong together: calls `part`, which returns how long it is by now, until
    /// that is what was chosen, from `least` to `most`; `most` times at the most. Who wants a say about single parts,
    /// such as to leave one out, does it his own way within these limits.
    virtual void extend(std::uint64_t least, std::uint64_t most, const std::function<std::uint64_t()>& part) {
        const auto chosen = least + below(most - least + 1);
        std::uint64_t length = 0;
        for (std::uint64_t n = 0; n < most && length < chosen; ++n) length = part();
    }
};

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
class Random final : public Choices {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    [[nodiscard]] std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15;
        auto z = state_;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    /// Uneven by less than n / 2^32, which no use here can tell.
    [[nodiscard]] std::uint64_t below(std::uint64_t n) override {
        if (n >> 32 != 0) return next() % n;
        return (next() >> 32) * n >> 32;
    }

  private:
    std::uint64_t state_;
};

}  // namespace landfall
