// One VFIO container (/dev/vfio/vfio, or an iommufd that stands for one) as an address space, and the files of groups that join it
// (include/uapi/linux/vfio.h). Every answer is the kernel's errno but where HeldMaps holds something back.
#pragma once

#include <optional>
#include <shared_mutex>
#include <vector>

#include "landfall/target.hpp"
#include "linux/held_maps.hpp"
#include "os/fd.hpp"

namespace landfall {

/// The file of an iommu_group, /dev/vfio/N.
class VfioGroup {
  public:
    explicit VfioGroup(std::uint32_t number) : number_(number) {}
    [[nodiscard]] Errno open();
    /// As the kernel does it for a process that ends. No device of it is open.
    void close() { fd_.reset(); }
    [[nodiscard]] bool is_open() const { return static_cast<bool>(fd_); }
    [[nodiscard]] Errno set_container(int container) const;
    [[nodiscard]] Errno unset_container() const;
    /// The file of a member. EINVAL while the group is in no container.
    [[nodiscard]] Result<Fd> device(const Bdf& bdf) const;

  private:
    std::uint32_t number_;
    Fd fd_;
};

class Container {
  public:
    [[nodiscard]] Errno open(bool compat);
    /// Groups that are in it stay, and keep what they have.
    void close_file();
    [[nodiscard]] bool is_open() const;

    /// The group joins, and so does what was held back for the first one. After any error it has not, and nothing is lost.
    [[nodiscard]] Errno admit(const VfioGroup& group);
    [[nodiscard]] Errno dismiss(const VfioGroup& group);

    [[nodiscard]] Errno map(Iova iova, const Memory& memory, Access access);
    [[nodiscard]] Result<std::uint64_t> unmap(const std::optional<IovaRange>& range);
    [[nodiscard]] Result<std::vector<IovaRange>> ranges() const;

  private:
    /// It has no IOMMU. An iommufd takes mappings whether a group is in it or not.
    [[nodiscard]] bool idle() const { return groups_ == 0 && !compat_; }
    [[nodiscard]] Errno make_ioas() const;
    [[nodiscard]] Errno equip();
    [[nodiscard]] Errno map_now(Iova iova, const Memory& memory, Access access) const;
    [[nodiscard]] Result<std::uint64_t> unmap_now(const std::optional<IovaRange>& range) const;

    mutable std::shared_mutex gate_;  ///< held while groups come and go, or while there is none; shared by other calls
    Fd fd_;
    bool compat_ = false;  ///< it is an iommufd
    unsigned groups_ = 0;  ///< in it
    HeldMaps held_;
};

}  // namespace landfall
