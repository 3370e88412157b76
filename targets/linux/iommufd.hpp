// /dev/iommu (include/uapi/linux/iommufd.h): the objects of one context. Every answer is the kernel's errno.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "landfall/target.hpp"
#include "os/fd.hpp"

namespace landfall {

class Iommufd {
  public:
    /// Throws LabError if the kernel has no iommufd or the process may not use it.
    Iommufd();
    [[nodiscard]] int fd() const { return fd_.get(); }

    [[nodiscard]] Result<ObjectId> ioas_alloc() const;
    [[nodiscard]] Result<ObjectId> hwpt_alloc(std::uint32_t device, ObjectId ioas) const;
    [[nodiscard]] Errno destroy(ObjectId) const;
    [[nodiscard]] Result<Iova> map(ObjectId ioas, std::optional<Iova> iova, const Memory&, Access) const;
    [[nodiscard]] Result<Iova> copy(ObjectId to, std::optional<Iova> iova, ObjectId from, IovaRange, Access) const;
    [[nodiscard]] Result<std::uint64_t> unmap(ObjectId ioas, std::optional<IovaRange>) const;
    [[nodiscard]] Result<std::vector<IovaRange>> ranges(ObjectId ioas) const;
    [[nodiscard]] Errno allow(ObjectId ioas, std::span<const IovaRange>) const;
    [[nodiscard]] Errno huge_pages(ObjectId ioas, bool on) const;
    /// Does the kernel know IOMMU_IOAS_MAP_FILE (6.13 and later)?
    [[nodiscard]] bool has_map_file() const;

  private:
    Fd fd_;
};

}  // namespace landfall
