// The kernel's IOMMU core and its driver, micro-step by micro-step: domains, groups, who is attached to what.
// It does what drivers/iommu/iommu.c and the legacy mode of drivers/iommu/intel do.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/hardware.hpp"
#include "sim/memory.hpp"

namespace landfall::sim {

struct Group;

/// A page table and, on every unit that uses it, a domain id.
struct Domain {
    explicit Domain(std::uint64_t id) : table(id) {}
    struct OnUnit {
        IommuUnit* unit;
        unsigned domain_id;
        unsigned devices;
    };
    PageTable table;
    std::vector<OnUnit> units;
};

struct Device {
    std::string name;
    Bdf rid;
    std::optional<Bdf> alias;  ///< what its requests carry, behind a PCIe-to-PCI bridge
    IommuUnit* unit = nullptr;
    Group* group = nullptr;
    Domain* domain = nullptr;  ///< nullptr: blocked
    bool bus_master = true;
    std::uint64_t thing = 0;  ///< for Scheduler::touch: whether it may do DMA, and whether it does
    [[nodiscard]] Bdf requester() const { return alias.value_or(rid); }
    /// The requester ids that need a context entry.
    [[nodiscard]] std::array<Bdf, 2> entries() const { return {rid, requester()}; }
    [[nodiscard]] std::size_t entry_count() const { return alias ? 2 : 1; }
};

struct Group {
    explicit Group(std::uint32_t n) : number(n), mutex(thing(Thing::lock, n)) {}
    std::uint32_t number;
    std::vector<Device*> members;
    Mutex mutex;  ///< group->mutex
};

/// Consecutive pages to be mapped.
struct Extent {
    IovaRange range;  ///< whole pages
    Span memory;      ///< starts at a page
    Access access;
};

class IommuCore {
  public:
    IommuCore(Scheduler& scheduler, const FaultSet& faults) : scheduler_(scheduler), faults_(faults) {}

    [[nodiscard]] std::unique_ptr<Domain> make_domain() { return std::make_unique<Domain>(next_domain_++); }

    /// iommu_map(): writes the entries, a table at a time. Nothing to flush: absent entries are not cached.
    [[nodiscard]] Task<> map(Domain& domain, Extent extent, bool huge_pages);
    /// iommu_unmap(): clears the entries, then invalidates and drains every unit that uses the domain.
    [[nodiscard]] Task<> unmap(Domain& domain, IovaRange range);

    /// The whole group to a domain, device by device; nullptr: blocked. `caller` is the device it is asked
    /// for.
    [[nodiscard]] Task<> move_group(Group& group, Domain* to, const Device& caller);
    /// One device. VT-d: its translation is blocked first, so DMA of the moment faults.
    [[nodiscard]] Task<> move_device(Device& device, Domain* to);

  private:
    [[nodiscard]] Task<> clear(Domain& domain, IovaRange range);
    [[nodiscard]] IovaRange to_flush(IovaRange range) const;
    [[nodiscard]] Task<> flush(Domain& domain, IovaRange range);
    [[nodiscard]] Task<> block(Device& device, bool replaced);
    [[nodiscard]] unsigned take_domain_id(Domain& domain, IommuUnit& unit);
    void drop_domain_id(Domain& domain, IommuUnit& unit);

    Scheduler& scheduler_;
    const FaultSet& faults_;
    std::uint64_t next_domain_ = 1;
    struct Used {
        IommuUnit* unit;
        unsigned domain_id;
    };
    std::vector<Used> used_ids_;
    struct Deferred {
        Domain* domain = nullptr;
        IovaRange range;
    };
    Deferred deferred_;  ///< unmap_flush_deferred: not flushed yet
};

}  // namespace landfall::sim
