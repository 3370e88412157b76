#include "linux/sysfs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "landfall/error.hpp"
#include "os/fd.hpp"

namespace landfall {
namespace {

constexpr const char* kDriver = "vfio-pci";

}  // namespace

std::string pci_directory(const Bdf& bdf) {
    auto path = "/sys/bus/pci/devices/" + bdf.str();
    if (!std::filesystem::exists(path))
        throw LabError("this machine has no PCI function " + bdf.str(), "landfall topology lists what it has");
    return path;
}

std::optional<std::string> read_line(const std::string& path) {
    std::ifstream in(path);
    std::string line;
    if (!in || !std::getline(in, line)) return std::nullopt;
    return line;
}

Errno write_attribute(const std::string& path, const std::string& text) {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return {errno};
    const auto n = ::write(fd.get(), text.data(), text.size());
    return n == static_cast<ssize_t>(text.size()) ? Errno{} : Errno{n < 0 ? errno : EIO};
}

std::string link_name(const std::string& path) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(path, error);
    return error ? std::string{} : target.filename().string();
}

std::string device_node(const Bdf& bdf) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(pci_directory(bdf) + "/vfio-dev", error)) {
        auto node = "/dev/vfio/devices/" + entry.path().filename().string();
        // The device file follows the sysfs entry; with udev it takes a moment.
        for (int i = 0; i < 100 && !std::filesystem::exists(node); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return node;
    }
    throw LabError(fmt::format("{} has no VFIO device file", bdf.str()), "the kernel needs CONFIG_VFIO_DEVICE_CDEV");
}

DriverBinding::DriverBinding(const Bdf& bdf)
    : bdf_(bdf),
      directory_(pci_directory(bdf)),
      driver_(link_name(directory_ + "/driver")),
      override_(read_line(directory_ + "/driver_override").value_or("")) {
    if (override_ == "(null)") override_.clear();
}

void DriverBinding::write(const std::string& path, const std::string& text) const {
    if (const auto e = write_attribute(path, text); !e.ok())
        throw LabError(fmt::format("cannot give {} to {}: writing '{}' to {}: {}", bdf_.str(), kDriver, text, path, e.str()),
                       "run as root on a kernel with CONFIG_VFIO_PCI");
}

void DriverBinding::take() {
    write(directory_ + "/driver_override", kDriver);
    if (driver_ == kDriver) return;
    if (!driver_.empty()) write(directory_ + "/driver/unbind", bdf_.str());
    write("/sys/bus/pci/drivers_probe", bdf_.str());
    if (link_name(directory_ + "/driver") != kDriver)
        throw LabError(fmt::format("{} does not take {}", kDriver, bdf_.str()),
                       "the console says why; the kernel needs CONFIG_VFIO_PCI");
}

// Best effort by nature: it runs when everything else has failed too.
void DriverBinding::restore() const {
    (void)write_attribute(directory_ + "/driver_override", override_.empty() ? "\n" : override_);
    if (driver_ == kDriver) return;
    if (link_name(directory_ + "/driver") == kDriver)
        (void)write_attribute(directory_ + "/driver/unbind", bdf_.str());
    if (!driver_.empty()) (void)write_attribute("/sys/bus/pci/drivers/" + driver_ + "/bind", bdf_.str());
}

}  // namespace landfall
