// Mappings a container is to have as soon as it has an IOMMU.
#pragma once

#include <map>
#include <optional>

#include "landfall/target.hpp"

namespace landfall {

/// A container has no IOMMU before a group is in it, and the kernel refuses every call on it until then
/// (drivers/vfio/container.c, vfio_fops_unl_ioctl(): EINVAL). What can be put off until then is held here.
class HeldMaps {
  public:
    struct Held {
        Memory memory;
        Access access;
    };

    /// False, and nothing is held: they are not whole pages, or something held is there. Then the kernel shall say so.
    [[nodiscard]] bool hold(Iova iova, const Memory& memory, Access access);
    /// Lets go of what lies in the range (nullopt: of everything), and returns its bytes. nullopt, and nothing has changed:
    /// it is not whole pages, or would cut something.
    [[nodiscard]] std::optional<std::uint64_t> drop(const std::optional<IovaRange>& range);
    [[nodiscard]] bool meets(const std::optional<IovaRange>& range) const;
    /// The kernel has them now, and takes them all away with the last group: only the lab's own come back then.
    void keep_staging() {
        std::erase_if(held_, [](const auto& entry) { return !entry.second.memory.staging; });
    }
    [[nodiscard]] const std::map<Iova, Held>& all() const { return held_; }

  private:
    std::map<Iova, Held> held_;  ///< do not overlap
};

}  // namespace landfall
