// The words of the lab's memory as Arena looks at them: devices write to them meanwhile.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "landfall/types.hpp"

namespace landfall::words {

inline constexpr std::uint64_t kWord = sizeof(std::uint64_t);
inline constexpr std::uint64_t kWordsPerPage = kPageSize / kWord;

inline std::uint64_t load(const std::byte* at) {
    auto* word = const_cast<std::uint64_t*>(reinterpret_cast<const std::uint64_t*>(at));
    return std::atomic_ref(*word).load(std::memory_order_relaxed);
}

inline void store(std::byte* at, std::uint64_t value) {
    std::atomic_ref(*reinterpret_cast<std::uint64_t*>(at)).store(value, std::memory_order_relaxed);
}

}  // namespace landfall::words
