// Accounts for every byte of one DMA: where it went, where it may have gone, and whether the two agree.
#pragma once

#include <functional>
#include <vector>

#include "landfall/history.hpp"
#include "landfall/scene.hpp"

namespace landfall {

enum class Fate {
    explained,  ///< some candidate puts it where it was seen, or blocks it where it was not
    misplaced,  ///< no candidate leads to where it was seen
    forbidden,  ///< a candidate leads there, but none that allows the access
    missing,    ///< seen nowhere although every candidate allows it
};

/// Consecutive bytes of a DMA with one fate.
struct Piece {
    IovaRange iova;
    Access access;                     ///< what the device did here: read or write
    std::optional<BufferSlice> place;  ///< where it was seen
    std::span<const Candidate> candidates;
    Fate fate = Fate::explained;
};

struct Account {
    const History::Device* device = nullptr;
    Outlook read, write;  ///< of the addresses the DMA reads from and writes to
    Outlook rings;        ///< of those its engine reads descriptors from
    std::vector<Piece> pieces;
    bool may_be_shut =
        false;  ///< all of it may have been blocked: domain, bus master, or the engine's own rings
    bool blockable = false;  ///< some of it may have been blocked
};

/// True if other DMAs may have written these bytes during the window too.
using Contested = std::function<bool(const Backing& memory, std::uint64_t length)>;

[[nodiscard]] Account account_for(const History& history, const Scene& scene, const DmaRequest& request,
                                  const Interval& window, const Landing& landing, const Contested& contested);
/// The same, into the memory of an account that is closed.
void account_for(const History& history, const Scene& scene, const DmaRequest& request, const Interval& window,
                 const Landing& landing, const Contested& contested, Account& out);

/// The addresses a DMA writes to; nullopt for a read.
[[nodiscard]] std::optional<IovaRange> written(const DmaRequest& request);
/// The addresses a DMA reads from; nullopt for a write.
[[nodiscard]] std::optional<IovaRange> read_by(const DmaRequest& request);

}  // namespace landfall
