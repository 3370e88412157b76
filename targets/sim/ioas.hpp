// One IOAS of the simulated kernel: areas, reserved and allowed ranges, and the domains that mirror it.
// Written from drivers/iommu/iommufd/io_pagetable.c and pages.c; the function names in comments are theirs.
#pragma once

#include <list>
#include <map>
#include <vector>

#include "sim/iommu_core.hpp"

namespace landfall::sim {

/// Memory to be mapped: part of a block, not yet at any IOVA.
struct Piece {
    Span memory;
    std::uint64_t length = 0;
    Access access;
    bool writable_pages = true;  ///< pinned for writing: a copy of the mapping may be writable
    bool file = false;           ///< pinned by its file, whatever the process may do with it
};

struct Area {
    IovaRange range;
    Piece piece;
    bool busy = false;  ///< being filled or emptied: !area->pages
};

/// A call under way that was given an object: destroying it is EBUSY meanwhile (iommufd/main.c:226-306).
class InCall {
  public:
    explicit InCall(unsigned& calls) : calls_(calls) { ++calls_; }
    ~InCall() { --calls_; }
    InCall(const InCall&) = delete;
    InCall& operator=(const InCall&) = delete;

  private:
    unsigned& calls_;
};

class Ioas {
  public:
    Ioas(Scheduler& scheduler, IommuCore& core, const FaultSet& faults, std::uint64_t number);

    [[nodiscard]] Task<Answer> map(std::optional<Iova> iova, std::vector<Piece> pieces);
    [[nodiscard]] Task<Answer> unmap(std::optional<IovaRange> range);
    /// What lies in the range, piece by piece, for a copy of it; an errno if there are holes.
    [[nodiscard]] Task<Answer> slices(IovaRange range, std::vector<Piece>& out);
    /// iopt_table_add_domain(): fills the domain with every area and keeps it filled.
    [[nodiscard]] Task<Errno> add_domain(Domain& domain);
    [[nodiscard]] Task<> remove_domain(Domain& domain);
    /// iopt_table_enforce_dev_resv_regions(): the device's reserved ranges may not be mapped from now on.
    [[nodiscard]] Task<Errno> reserve(const Device& device, std::vector<IovaRange> ranges);
    void release(const Device& device);
    [[nodiscard]] Task<Answer> allow(std::vector<IovaRange> ranges);
    [[nodiscard]] Task<Answer> huge_pages(bool on);
    [[nodiscard]] Answer ranges() const;

    [[nodiscard]] bool has_domains() const { return !domains_.empty(); }
    /// For Scheduler::touch: whoever looks at what is below, or at the areas.
    void books() { scheduler_.touch(Touch::Kind::write, thing(Thing::books, number_)); }
    Mutex mutex;  ///< ioas->mutex: automatic HWPTs are made under it
    bool alive = true;
    unsigned calls = 0;         ///< see InCall
    std::vector<Ioas*> copies;  ///< where parts of this one were copied to

  private:
    using Areas = std::map<Iova, Area>;
    [[nodiscard]] std::uint64_t alignment() const { return has_domains() || !huge_pages_ ? kPageSize : 1; }
    [[nodiscard]] bool reserved(const IovaRange& range) const;
    [[nodiscard]] bool occupied(const IovaRange& range) const;
    [[nodiscard]] Areas::const_iterator first_in(const IovaRange& range) const;
    [[nodiscard]] Errno check(Iova iova, std::uint64_t length) const;
    [[nodiscard]] std::optional<Iova> choose(std::uint64_t length, std::uint64_t page_offset) const;
    [[nodiscard]] Errno insert(std::optional<Iova>& iova, const std::vector<Piece>& pieces);
    [[nodiscard]] static Errno refused_by_table(const std::vector<Area>& areas);
    [[nodiscard]] Task<> fill(Area area, Domain& domain);
    [[nodiscard]] Task<> empty(Area area);
    void clear_all(Domain& domain);

    Scheduler& scheduler_;
    IommuCore& core_;
    const FaultSet& faults_;
    std::uint64_t number_;
    Mutex domains_lock_, iova_lock_;  ///< domains_rwsem, iova_rwsem
    Areas areas_;
    std::vector<Domain*> domains_;
    std::map<const Device*, std::vector<IovaRange>> reserved_;
    std::vector<IovaRange> allowed_;
    bool huge_pages_ = true;
};

}  // namespace landfall::sim
