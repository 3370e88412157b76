#include "linux/sriov.hpp"

#include <fmt/format.h>

#include "landfall/error.hpp"
#include "linux/sysfs.hpp"

namespace landfall {
namespace {

// vfio-pci makes virtual functions only for who has said that the program which opens the physical function
// will see to them (vfio_pci_sriov_configure() in drivers/vfio/pci/vfio_pci.c). It reads the parameter when
// they are made.
constexpr const char* kAllow = "/sys/module/vfio_pci/parameters/enable_sriov";

}  // namespace

VirtualFunctions::VirtualFunctions(const Bdf& physical, unsigned count)
    : physical_(physical),
      directory_(pci_directory(physical)),
      count_(std::to_string(count)),
      allowed_(read_line(kAllow).value_or("")) {
    const auto most = read_line(directory_ + "/sriov_totalvfs");
    if (!most)
        throw LabError(physical.str() + " has no virtual functions: it lacks SR-IOV, or the kernel does",
                       "the kernel needs CONFIG_PCI_IOV");
    if (std::stoul(*most) < count)
        throw LabError(
            fmt::format("{} has {} virtual functions at most, not {}", physical.str(), *most, count));
    const auto now = read_line(directory_ + "/sriov_numvfs").value_or("0");
    if (now != "0")
        throw LabError(fmt::format("{} has {} virtual functions already: expected none", physical.str(), now),
                       fmt::format("if nobody needs them: echo 0 > {}/sriov_numvfs", directory_));
}

void VirtualFunctions::make() const {
    if (const auto e = write_attribute(kAllow, "Y"); !e.ok())
        throw LabError(fmt::format("cannot let vfio-pci make virtual functions: {}: {}", kAllow, e.str()),
                       "run as root on a kernel with CONFIG_VFIO_PCI and CONFIG_PCI_IOV");
    if (const auto e = write_attribute(directory_ + "/sriov_numvfs", count_); !e.ok())
        throw LabError(fmt::format("{} gets no virtual functions: writing '{}' to {}/sriov_numvfs: {}",
                                   physical_.str(), count_, directory_, e.str()),
                       "the kernel's log says why");
}

// Best effort, as DriverBinding::restore().
void VirtualFunctions::restore() const {
    (void)write_attribute(directory_ + "/sriov_numvfs", "0");
    if (!allowed_.empty()) (void)write_attribute(kAllow, allowed_);
}

Bdf VirtualFunctions::address(unsigned number) const {
    const auto bdf = Bdf::parse(link_name(fmt::format("{}/virtfn{}", directory_, number)));
    if (!bdf) throw LabError(fmt::format("{} did not get its virtual function {}", physical_.str(), number));
    return *bdf;
}

}  // namespace landfall
