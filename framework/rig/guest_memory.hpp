// The memory of a virtual machine, which we own and QEMU only maps.
#pragma once

#include <vector>

#include "landfall/mapping.hpp"
#include "landfall/stamp.hpp"
#include "os/fd.hpp"

namespace landfall {

/// A file that exists in memory only. Its pages come when the machine first touches them.
class GuestMemory {
  public:
    /// `base`: the address at which the machine has it, in one piece (QEMU hw/i386/pc_q35.c, pc_q35_init: `lowmem`, up to 2 GiB;
    /// hw/arm/virt.c, base_memmap: VIRT_MEM); rig files ask for less. Throws LabError.
    explicit GuestMemory(std::uint64_t bytes, std::uint64_t base = 0);
    /// For the machine to inherit.
    [[nodiscard]] int fd() const { return file_.get(); }
    [[nodiscard]] std::span<const std::byte> bytes() const { return view_.bytes(); }

    /// The pieces the machine has touched, by offset, in order: the others are zeros, and take no memory. Throws LabError.
    [[nodiscard]] std::vector<GuestRange> touched() const;
    /// Puts `bytes` at an offset, before a machine has it. Throws LabError.
    void fill(std::uint64_t offset, std::span<const std::byte> bytes);

    /// As find_stamps(), over all of it, by the machine's addresses.
    [[nodiscard]] std::vector<Stamped> search(const StampSearch& search) const;

  private:
    std::uint64_t base_;
    Fd file_;
    Mapping view_;
};

}  // namespace landfall
