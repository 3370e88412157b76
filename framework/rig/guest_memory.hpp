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
    /// Throws LabError.
    explicit GuestMemory(std::uint64_t bytes);
    /// For the machine to inherit.
    [[nodiscard]] int fd() const { return file_.get(); }
    [[nodiscard]] std::span<const std::byte> bytes() const { return view_.bytes(); }

    /// The pieces the machine has touched, in order: the others are zeros, and take no memory. Throws LabError.
    [[nodiscard]] std::vector<GuestRange> touched() const;
    /// Puts `bytes` at an offset, before a machine has it. Throws LabError.
    void fill(std::uint64_t offset, std::span<const std::byte> bytes);

    /// As find_stamps(), over all of it. A q35 has up to 2 GiB in one piece, so an offset is an address (QEMU
    /// hw/i386/pc_q35.c, pc_q35_init: `lowmem`); rig files ask for less.
    [[nodiscard]] std::vector<Stamped> search(const StampSearch& search) const;

  private:
    Fd file_;
    Mapping view_;
};

}  // namespace landfall
