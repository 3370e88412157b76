// Somebody who sees all of a machine's memory, which no program on it does.
#pragma once

#include <span>
#include <vector>

#include "landfall/line.hpp"
#include "landfall/stamp.hpp"

namespace landfall {

class MemoryWitness {
  public:
    virtual ~MemoryWitness() = default;
    /// Where stamps of the run, of sequences up to `last`, stand outside `pages`: memory of this process, in which they
    /// may. Throws LabError if nobody answers.
    [[nodiscard]] virtual std::vector<GuestPlace> look(const StampKey& key, std::uint64_t last,
                                                       std::span<const std::span<const std::byte>> pages) = 0;
};

}  // namespace landfall
