// One PCI function opened through its VFIO character device (include/uapi/linux/vfio.h).
#pragma once

#include <cstdint>
#include <string>

#include "landfall/mapping.hpp"
#include "landfall/target.hpp"
#include "landfall/types.hpp"
#include "os/fd.hpp"

namespace landfall {

class VfioDevice {
  public:
    /// Opens the device file and binds it to the iommufd. On failure is_open() is false and the errno is returned.
    [[nodiscard]] Errno open(const std::string& node, int iommufd);
    /// The same with a file that the device's group has given out.
    [[nodiscard]] Errno take(Fd file);
    /// As the kernel does it for a process that ends: bus mastering off, detach, unbind.
    void close();
    /// Closes it, but bar0() stays memory: all ones, as if the device was gone from the bus, until take() puts the registers
    /// back at the same address. So whoever uses them meanwhile comes to no harm.
    [[nodiscard]] Errno let_go();
    [[nodiscard]] bool is_open() const { return static_cast<bool>(fd_); }

    /// Of a physical function whose virtual functions this process opens, too: tells the kernel that they belong together.
    [[nodiscard]] Errno trust_virtual_functions();
    /// VFIO_DEVICE_RESET; afterwards memory decoding and bus mastering are on again.
    [[nodiscard]] Errno reset();
    [[nodiscard]] Result<ObjectId> attach(std::uint32_t object);
    [[nodiscard]] Errno detach();

    [[nodiscard]] std::uint32_t id() const { return id_; }  ///< in the iommufd
    [[nodiscard]] std::span<std::byte> bar0() const { return bar0_.bytes(); }

  private:
    [[nodiscard]] static Errno bind(int fd, int iommufd, std::uint32_t& id);
    [[nodiscard]] Errno map_bar0();
    [[nodiscard]] Errno enable_dma();

    Fd fd_;
    std::uint32_t id_ = 0;
    Mapping bar0_;  ///< after fd_: unmapped first
};

}  // namespace landfall
