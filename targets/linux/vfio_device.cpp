#include "linux/vfio_device.hpp"

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace landfall {
namespace {

template <class T>
Errno call(int fd, unsigned long request, T* argument) {
    return ::ioctl(fd, request, argument) < 0 ? Errno{errno} : Errno{};
}

struct Region {
    std::uint64_t offset = 0, size = 0;
    bool mappable = false;
};

std::pair<Errno, Region> region(int fd, std::uint32_t index) {
    vfio_region_info info{};
    info.argsz = sizeof info;
    info.index = index;
    const auto e = call(fd, VFIO_DEVICE_GET_REGION_INFO, &info);
    return {e, {info.offset, info.size, (info.flags & VFIO_REGION_INFO_FLAG_MMAP) != 0}};
}

// What who opens a virtual function must know of who opened its physical function (vfio_pci_validate_vf_token() in
// drivers/vfio/pci/vfio_pci_core.c). Here both are this process, so it is no secret: a UUID of our own.
constexpr std::array<std::uint8_t, 16> kToken{0x4c, 0x61, 0x6e, 0x64, 0x66, 0x61, 0x4c, 0x6c,
                                              0x8f, 0x6d, 0x1a, 0x5e, 0x77, 0x02, 0xc3, 0x39};

}  // namespace

Errno VfioDevice::open(const std::string& node, int iommufd) {
    if (is_open()) return {EINVAL};
    Fd fd(::open(node.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd) return {errno};
    if (const auto e = bind(fd.get(), iommufd, id_); !e.ok()) return e;
    return take(std::move(fd));
}

Errno VfioDevice::take(Fd file) {
    fd_ = std::move(file);
    auto e = map_bar0();
    if (e.ok()) e = enable_dma();
    if (!e.ok() && (bar0().empty() || !let_go().ok())) close();
    return e;
}

// Linux 7.3 asks who binds a virtual function that vfio-pci has made for the token (vfio_df_check_token() in
// drivers/vfio/device_cdev.c); 6.12 does not, and takes no flags. Given where nobody asks it is an error in both.
Errno VfioDevice::bind(int fd, int iommufd, std::uint32_t& id) {
    vfio_device_bind_iommufd bind{};
    bind.argsz = sizeof bind;
    bind.iommufd = iommufd;
    auto e = call(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
    if (e.value == EACCES) {
        bind.flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
        bind.token_uuid_ptr = reinterpret_cast<std::uintptr_t>(kToken.data());
        e = call(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
    }
    id = bind.out_devid;
    return e;
}

Errno VfioDevice::trust_virtual_functions() {
    alignas(vfio_device_feature) std::array<std::byte, sizeof(vfio_device_feature) + kToken.size()> feature{};
    vfio_device_feature head{};
    head.argsz = static_cast<std::uint32_t>(feature.size());
    head.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN;
    std::memcpy(feature.data(), &head, sizeof head);
    std::memcpy(feature.data() + sizeof head, kToken.data(), kToken.size());
    return call(fd_.get(), VFIO_DEVICE_FEATURE, feature.data());
}

void VfioDevice::close() {
    bar0_ = {};
    fd_.reset();
}

Errno VfioDevice::let_go() {
    const auto length = bar0_.bytes().size();
    void* ones = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ones == MAP_FAILED) return {errno};
    std::memset(ones, 0xff, length);
    // At one stroke: there is no moment at which nothing is mapped.
    if (::mremap(ones, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, bar0_.bytes().data()) == MAP_FAILED) {
        const Errno e{errno};
        ::munmap(ones, length);
        return e;
    }
    fd_.reset();
    return {};
}

Errno VfioDevice::map_bar0() {
    const auto [error, bar] = region(fd_.get(), VFIO_PCI_BAR0_REGION_INDEX);
    if (!error.ok()) return error;
    if (!bar.mappable) return {ENXIO};
    // Over what let_go() left there, if it did.
    const auto before = bar0_.bytes();
    if (!before.empty() && before.size() != bar.size) return {ENXIO};
    const int fixed = before.empty() ? 0 : MAP_FIXED;
    void* at = ::mmap(before.data(), bar.size, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, fd_.get(),
                      static_cast<off_t>(bar.offset));
    if (at == MAP_FAILED) return {errno};
    if (before.empty()) bar0_ = Mapping(static_cast<std::byte*>(at), bar.size);
    return {};
}

Errno VfioDevice::enable_dma() {
    const auto [error, config] = region(fd_.get(), VFIO_PCI_CONFIG_REGION_INDEX);
    if (!error.ok()) return error;
    std::uint16_t command = 0;
    const auto at = static_cast<off_t>(config.offset + PCI_COMMAND);
    if (::pread(fd_.get(), &command, sizeof command, at) != sizeof command) return {EIO};
    command = static_cast<std::uint16_t>(command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    return ::pwrite(fd_.get(), &command, sizeof command, at) == sizeof command ? Errno{} : Errno{EIO};
}

Errno VfioDevice::reset() {
    if (::ioctl(fd_.get(), VFIO_DEVICE_RESET) < 0) return {errno};
    return enable_dma();
}

Result<ObjectId> VfioDevice::attach(std::uint32_t object) {
    vfio_device_attach_iommufd_pt attach{};
    attach.argsz = sizeof attach;
    attach.pt_id = object;
    const auto e = call(fd_.get(), VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
    return {e, {attach.pt_id}};
}

Errno VfioDevice::detach() {
    vfio_device_detach_iommufd_pt detach{};
    detach.argsz = sizeof detach;
    return call(fd_.get(), VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

}  // namespace landfall
