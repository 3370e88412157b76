// Virtual functions that a physical function has for a while.
#pragma once

#include <string>

#include "landfall/types.hpp"

namespace landfall {

/// Makes virtual functions of one physical function, which vfio-pci has by then. restore() unmakes them; as
/// that of DriverBinding it may be called by another process, and twice.
class VirtualFunctions {
  public:
    /// Throws LabError if the physical function cannot have so many, or has some already, which are
    /// somebody's.
    VirtualFunctions(const Bdf& physical, unsigned count);
    /// Throws LabError if the kernel does not make them.
    void make() const;
    void restore() const;
    [[nodiscard]] Bdf physical() const { return physical_; }
    /// Address of the one with this number. Throws LabError if it was not made.
    [[nodiscard]] Bdf address(unsigned number) const;

  private:
    Bdf physical_;
    std::string directory_, count_;
    std::string allowed_;  ///< what vfio-pci's enable_sriov was
};

}  // namespace landfall
