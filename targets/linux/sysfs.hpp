// What sysfs says about a PCI function, and which driver has it.
#pragma once

#include <optional>
#include <string>

#include "landfall/types.hpp"

namespace landfall {

/// Directory of a function, /sys/bus/pci/devices/BDF. Throws LabError if the machine has no such function.
[[nodiscard]] std::string pci_directory(const Bdf& bdf);
/// First line of a file; nullopt if it cannot be read.
[[nodiscard]] std::optional<std::string> read_line(const std::string& path);
/// Attributes take one write(2) and answer it with an errno.
[[nodiscard]] Errno write_attribute(const std::string& path, const std::string& text);
/// The last part of where a link points to; empty if there is no link.
[[nodiscard]] std::string link_name(const std::string& path);
/// /dev/vfio/devices/vfioN of a function that vfio-pci has. Throws LabError if the kernel offers none.
[[nodiscard]] std::string device_node(const Bdf& bdf);

/// /dev/vfio/devices/vfioN of a function vfio-pci has. Throws LabError if the kernel offers none.
[[nodiscard]] std::string device_node(const Bdf& bdf);

/// Gives one function to vfio-pci and remembers whose it was. restore() hands it back; it may be called by another
/// process than the one that took it, touches nothing else, and is safe to call twice.
class DriverBinding {
  public:
    explicit DriverBinding(const Bdf& bdf);
    /// Throws LabError if vfio-pci does not take it.
    void take();
    void restore() const;

  private:
    void write(const std::string& path, const std::string& text) const;

    Bdf bdf_;
    std::string directory_, driver_, override_;
};

}  // namespace landfall
