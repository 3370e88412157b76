// One address space: areas, reserved ranges, allowed ranges. An IOAS as iommufd keeps it
// (drivers/iommu/iommufd/io_pagetable.c), or, by other rules, a VFIO container.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "landfall/model.hpp"
#include "landfall/model_rules.hpp"

namespace landfall {

/// ok, or an errno and the reason for it.
[[nodiscard]] inline Prediction fine() { return {{Errno{}}, false, std::nullopt, {}}; }
[[nodiscard]] inline Prediction refuse(int error, std::string because) {
    return {{Errno{error}}, false, std::nullopt, std::move(because)};
}
[[nodiscard]] inline bool succeeds(const Prediction& p) { return !p.allowed.empty() && p.allowed[0].ok(); }

class IoasModel {
  public:
    /// `rules` outlive it: they are rows of a constant table.
    IoasModel(const SpaceRules& rules, SpaceId id, std::string name)
        : rules_(&rules), id_(id), name_(std::move(name)) {}
    bool operator==(const IoasModel&) const = default;

    [[nodiscard]] SpaceId id() const { return id_; }
    [[nodiscard]] const std::string& name() const { return name_; }

    // -- what the kernel must answer
    /// MAP, MAP_FILE and COPY of `pieces`, which lie behind one another, to `iova` or where the kernel likes.
    [[nodiscard]] Prediction map(std::optional<Iova> iova, const std::vector<Area>& pieces) const;
    [[nodiscard]] Prediction unmap(const std::optional<IovaRange>& range) const;
    /// See Model::next_unmapped(). A container is locked for the whole call (vfio_iommu_type1.c, iommu->lock).
    [[nodiscard]] UnmapNext next_unmapped(const std::optional<IovaRange>& range) const;
    /// Any set of ranges: see object_to_ranges().
    [[nodiscard]] Prediction list_ranges() const { return or_idle(fine()); }
    /// A HWPT more: every area must suit it and be pinned.
    [[nodiscard]] Prediction add_domain() const;
    /// The reserved ranges of a device that is attached now.
    [[nodiscard]] Prediction reserve(const std::vector<IovaRange>& ranges) const;
    [[nodiscard]] Prediction allow(const std::vector<IovaRange>& ranges) const;
    [[nodiscard]] Prediction huge_pages(bool on) const;
    /// What is wrong with an IOVA the kernel chose.
    [[nodiscard]] std::string object_to_iova(Iova iova, const std::vector<Area>& pieces) const;
    /// What is wrong with the ranges the kernel says are free for use.
    [[nodiscard]] std::string object_to_ranges(const std::vector<IovaRange>& ranges) const;

    // -- what happens then
    [[nodiscard]] std::vector<Change> do_map(Iova iova, const std::vector<Area>& pieces);
    /// Removes whole areas from the start of the range until one is cut by it.
    [[nodiscard]] std::vector<Change> do_unmap(const std::optional<IovaRange>& range);
    /// An UNMAP that failed: an IOAS has lost what came before the area that would have been cut.
    [[nodiscard]] std::vector<Change> do_failed_unmap(const std::optional<IovaRange>& range, Errno error) {
        if (rules_->whole_unmap || error.value != rules_->cut) return {};
        return do_unmap(range);
    }
    /// The last page table is gone: a container loses its mappings with it, the lab's window until it has the next.
    [[nodiscard]] std::vector<Change> do_empty();
    void do_reserve(const std::string& device, const std::vector<IovaRange>& ranges) {
        reserved_[device] = ranges;
    }
    void do_release(const std::string& device) { reserved_.erase(device); }
    void do_allow(std::vector<IovaRange> ranges) { allowed_ = std::move(ranges); }
    void do_huge_pages(bool on) { huge_pages_ = on; }

    /// The mapped pieces under the range, cut to it, for COPY; nullopt if there is a hole.
    [[nodiscard]] std::optional<std::vector<Area>> slices(const IovaRange& range) const;

    [[nodiscard]] std::size_t mappings() const { return areas_.size(); }

    bool alive = true;
    unsigned domains = 0;  ///< HWPTs made from it, the automatic one too

  private:
    using Areas = std::map<Iova, Area>;
    [[nodiscard]] std::uint64_t alignment() const {
        return domains > 0 || !huge_pages_ || rules_->whole_pages ? kPageSize : 1;
    }
    /// A container without a group has no IOMMU yet, and the kernel refuses all calls that need one; who drives it may put
    /// off until then what can be.
    [[nodiscard]] Prediction or_idle(Prediction answer) const;
    [[nodiscard]] Prediction check_unmap(const std::optional<IovaRange>& range) const;
    [[nodiscard]] Prediction check_map(std::optional<Iova> iova, const std::vector<Area>& pieces) const;
    [[nodiscard]] Prediction check_placed(std::optional<Iova> iova, const std::vector<Area>& pieces) const;
    [[nodiscard]] std::optional<Prediction> misplaced(Iova iova, std::uint64_t length) const;
    [[nodiscard]] std::optional<Prediction> misaligned(const std::vector<Area>& pieces) const;
    [[nodiscard]] static std::optional<Prediction> unfit_for_table(Iova at, const std::vector<Area>& pieces);
    [[nodiscard]] Areas::const_iterator first_in(const IovaRange& range) const;
    /// An allowed range that is free, of so many bytes from a multiple of `alignment` on.
    [[nodiscard]] bool has_room(std::uint64_t bytes, std::uint64_t alignment = 1) const;
    /// The kernel finds room for them, whatever the memory is.
    [[nodiscard]] bool has_surely_room(const std::vector<Area>& pieces) const;
    [[nodiscard]] const Area* overlapping(const IovaRange& range) const;
    [[nodiscard]] const IovaRange* reserved_in(const IovaRange& range) const;

    const SpaceRules* rules_;
    SpaceId id_;
    std::string name_;
    Areas areas_;
    std::map<std::string, std::vector<IovaRange>> reserved_;  ///< by the attached device that needs them
    std::vector<IovaRange> allowed_;
    bool huge_pages_ = true;
};

}  // namespace landfall
