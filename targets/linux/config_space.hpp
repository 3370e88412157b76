// What PCI functions were set to, against devices that forget it: QEMU keeps no state of some (edu) in a snapshot, and
// restores them as they come from the factory, without addresses.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "os/fd.hpp"

namespace landfall {

/// The header of every function's configuration space (PCI 3.0, section 6.1), as it was when this was made.
class ConfigSpaces {
  public:
    /// `devices` is /sys/bus/pci/devices, or a folder like it.
    explicit ConfigSpaces(const std::string& devices);
    /// Writes back what is no longer there: addresses first, then the command register. Returns the names of functions
    /// that did not take it.
    [[nodiscard]] std::vector<std::string> restore() const;

  private:
    struct Function {
        Fd config;
        std::string header;
    };
    std::map<std::string, Function> functions_;
};

}  // namespace landfall
