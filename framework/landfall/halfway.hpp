// What a call that runs beside another may meet of it while it is under way: states that no order of whole calls has.
#pragma once

#include "landfall/line.hpp"

namespace landfall {

/// Steps of two lanes whose intervals share an instant.
[[nodiscard]] bool concurrent(const Line& a, const Line& b);

/// The answer of `line`, a step that ran, may be due to `other` being under way, whatever `other` answered:
///   EBUSY   DESTROY of what another call holds (iommufd/main.c:226-306); UNMAP of a mapping that another call makes or
///           removes (iommufd/io_pagetable.c:761-800)
///   ENOENT  COPY of a mapping that another call makes or removes (iopt_area_contig_init, iommufd/io_pagetable.c)
///   EEXIST, ENOSPC, EADDRINUSE  MAP, or ATTACH whose reserved ranges it meets, where a MAP that fails has its mapping
///           for a while (io_pagetable.c:256-323, 971-990)
///   EINVAL, EADDRINUSE  a call that meets the reserved ranges, the page table or the group's domain that an ATTACH, or
///           HWPT_ALLOC, has for a while and then gives up (iommufd/device.c:677-745, hw_pagetable.c:205-230)
///   EINVAL  MAP and COPY beside an ATTACH that replaces: both IOAS have its reserved ranges and a page table for a
///           while, as the old one's go last (iommufd_device_do_replace(), iommufd/device.c)
///   EFAULT  MAP beside any call that makes or ends a page table: reserved ranges are let go of before it
///           (device.c:775-790)
[[nodiscard]] bool met_halfway(const Line& line, const Line& other);

/// ATTACH, DETACH and what includes them.
[[nodiscard]] bool moves_groups(const Step& step);

/// UNMAP removes its mappings one by one and lets others in between (io_pagetable.c:744-839), COPY looks at its source
/// before it maps (ioas.c:283-338); true if `step` is such a call and `other` changes what it works on.
[[nodiscard]] bool comes_between(const Step& step, const Step& other);

}  // namespace landfall
