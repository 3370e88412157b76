// The hardware of the simulated machine: page tables in memory, IOMMU units with their caches, a log of
// faults. It follows the legacy mode of Intel VT-d: context entries by requester id, a context cache, an
// IOTLB tagged with the domain id (VT-d specification, sections 3.4 and 6.2).
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "landfall/types.hpp"
#include "sim/faults.hpp"
#include "sim/scheduler.hpp"

namespace landfall::sim {

using Frame = std::uint64_t;  ///< physical page number
inline constexpr std::uint64_t kHugeSize = 2U << 20, kHugePages = kHugeSize / kPageSize;
inline constexpr unsigned kAddressBits = 48;

/// What the machine keeps apart when micro-steps are compared. The low bits say which.
enum class Thing : std::uint64_t { lock = 1, context, translation, books, flight, log };
[[nodiscard]] constexpr std::uint64_t thing(Thing kind, std::uint64_t which) {
    return static_cast<std::uint64_t>(kind) << 56 | which;
}

/// A leaf: where a page, or 512 of them, lies, and what may be done there.
struct Leaf {
    Frame frame = 0;
    Access access;
    bool huge = false;
};

/// Four levels of 512 entries over 48 bits, leaves of 4 KiB and 2 MiB (VT-d specification, section 3.7).
class PageTable {
  public:
    explicit PageTable(std::uint64_t id) : id_(id) {}
    [[nodiscard]] std::uint64_t id() const { return id_; }
    [[nodiscard]] std::optional<Leaf> walk(Iova iova) const;
    /// Writes a leaf; the page, or the 2 MiB, must be aligned.
    void set(Iova iova, const Leaf& leaf);
    /// Clears the leaf that translates the address; returns the bytes it covered, 4 KiB if there was none.
    std::uint64_t clear(Iova iova);
    void clear_all() { top_ = Node{}; }

  private:
    static constexpr unsigned kLevels = 4;
    struct Node {
        std::unique_ptr<std::array<std::uint64_t, 512>> table;  ///< leaves, as the hardware reads them
        std::unique_ptr<std::array<std::unique_ptr<Node>, 512>> below;  ///< tables of the next level
    };
    [[nodiscard]] static std::size_t index(Iova iova, unsigned level) {
        return iova.value >> (12 + 9 * level) & 511;
    }

    std::uint64_t id_;
    Node top_;
};

/// An entry of the context table: what a requester id is translated through.
struct ContextEntry {
    const PageTable* table = nullptr;  ///< nullptr: identity
    unsigned domain_id = 0;
};

/// One remapping unit. Its tables are in memory, its caches are its own.
class IommuUnit {
  public:
    IommuUnit(Scheduler& scheduler, const FaultSet& faults, std::uint64_t number)
        : scheduler_(scheduler), faults_(faults), number_(number) {}

    // -- tables in memory, written by the kernel
    void set_context(Bdf rid, const ContextEntry& entry);
    void clear_context(Bdf rid);

    // -- commands of the kernel
    void flush_context(Bdf rid);
    /// Drops what is cached of the domain in the range; nullopt: all of it.
    void flush_iotlb(unsigned domain_id, const std::optional<IovaRange>& range);
    /// Waits for the requests that were translated before now to reach memory.
    [[nodiscard]] Task<> drain();

    // -- requests of devices
    struct Translation {
        std::optional<Frame> frame;  ///< nullopt: a fault
        std::uint32_t reason = 0;    ///< of the fault (VT-d specification, section 7.1.3)
    };
    /// Through the caches, filling them.
    [[nodiscard]] Translation translate(Bdf rid, Iova iova, Access access);
    /// A request that was translated and is on its way; landed() when it arrived.
    [[nodiscard]] std::uint64_t depart();
    void landed(std::uint64_t ticket);

  private:
    static constexpr std::size_t kIotlbEntries = 64;
    struct Cached {
        unsigned domain_id;
        IovaRange range;
        Leaf leaf;
    };
    struct Drained {
        const std::vector<std::uint64_t>& flying;
        std::uint64_t before;
        [[nodiscard]] bool ready() const;
    };
    [[nodiscard]] const ContextEntry* context(Bdf rid);
    [[nodiscard]] std::optional<Leaf> lookup(const ContextEntry& context, Iova iova);

    Scheduler& scheduler_;
    const FaultSet& faults_;
    std::uint64_t number_;
    std::map<Bdf, ContextEntry> contexts_, context_cache_;
    std::deque<Cached> iotlb_;  ///< oldest first
    std::vector<std::uint64_t> flying_;
    std::uint64_t next_ticket_ = 1;
};

}  // namespace landfall::sim
