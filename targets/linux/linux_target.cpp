#include "linux/linux_target.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "engines/engine.hpp"
#include "linux/sysfs.hpp"
#include "pci/discover.hpp"
#include "pci/facts.hpp"

namespace landfall {
namespace {

// Capability bits of the VT-d extended capability register (Intel VT-d specification 4.1, section 11.4.3).
constexpr std::uint64_t kEcapScalableMode = 1ULL << 43;
constexpr std::uint64_t kEcapFirstStage = 1ULL << 47;

std::uint64_t hex_file(const std::string& path) {
    auto text = read_line(path).value_or("0");
    if (text.starts_with("0x")) text.erase(0, 2);
    std::uint64_t v = 0;
    std::from_chars(text.data(), text.data() + text.size(), v, 16);
    return v;
}

// The table that describes the IOMMU to the kernel has the maker's name in it (ACPI 6.5, 5.2.6, OEMID at byte 10); QEMU's is
// ACPI_BUILD_APPNAME6 (include/hw/acpi/aml-build.h).
bool iommu_is_qemus() {
    return std::ranges::any_of(std::array{"DMAR", "IVRS", "VIOT"}, [](const char* table) {
        std::array<char, 16> head{};
        std::ifstream(std::string("/sys/firmware/acpi/tables/") + table, std::ios::binary).read(head.data(), head.size());
        return std::string_view(head.data(), head.size()).substr(10) == "BOCHS ";
    });
}

// What stands between the device and memory: vtd, vtd-scalable, vtd-firstlevel, amd, virtio, or none.
std::string iommu_kind(const Bdf& bdf) {
    const auto unit = link_name(pci_directory(bdf) + "/iommu");
    if (unit.starts_with("ivhd")) return "amd";
    // virtio-iommu's unit has the name of the bus its device is on, and lies below the device:
    // ../0000:00:01.0/virtio0/iommu/0000:00:01.0 (viommu_probe(), virtio_bus_name()).
    std::error_code error;
    const auto place = std::filesystem::read_symlink(pci_directory(bdf) + "/iommu", error).string();
    if (place.find("/virtio") != std::string::npos) return "virtio";
    if (!unit.starts_with("dmar")) return unit.empty() ? "none" : unit;
    const auto ecap = hex_file("/sys/class/iommu/" + unit + "/intel-iommu/ecap");
    const auto command_line = read_line("/proc/cmdline").value_or("");
    if ((ecap & kEcapScalableMode) == 0 || command_line.find("sm_on") == std::string::npos) return "vtd";
    return (ecap & kEcapFirstStage) != 0 ? "vtd-firstlevel" : "vtd-scalable";
}

// Has the function a reset of its own? "bus" resets the whole bus, which the kernel lists while it has found the first
// device there and refuses once there are more (drivers/pci/pci.c, pci_parent_bus_reset()).
bool can_reset(const Bdf& bdf) {
    std::istringstream methods(read_line(pci_directory(bdf) + "/reset_method").value_or(""));
    return std::any_of(std::istream_iterator<std::string>(methods), {},
                       [](const std::string& method) { return method != "bus"; });
}

std::string kernel_release() {
    utsname name{};
    ::uname(&name);
    return name.release;
}

std::string label(const NamedDevice& d) { return fmt::format("{} ({})", d.name, d.bdf.str()); }

}  // namespace

void check_scratch(const NamedDevice& d) {
    const auto number = [&](const char* file) { return hex_file(pci_directory(d.bdf) + file); };
    // The file "class" holds the programming interface, too.
    const auto* entry = find_engine(static_cast<std::uint16_t>(number("/vendor")),
                                    static_cast<std::uint16_t>(number("/device")),
                                    static_cast<std::uint16_t>(number("/class") >> 8));
    if (entry != nullptr && entry->stores) require_scratch(label(d), d.scratch);
}

LinuxTarget::LinuxTarget(std::vector<NamedDevice> devices) {
    std::vector<std::pair<std::string, Bdf>> names;
    for (const auto& d : devices) names.emplace_back(d.name, d.bdf);
    machine_facts_ = device_facts(discover(), names, [](const Function& f) {
        const auto* engine = find_engine(f.vendor, f.device, f.device_class);
        return std::string(engine != nullptr ? engine->name : "-");
    });
    // The named devices come first, in our order.
    for (std::size_t i = 0; i < devices.size(); ++i)
        devices_.push_back(std::make_unique<Device>(std::move(devices[i]), std::get<DeviceFact>(machine_facts_.at(i))));
}

std::vector<Fact> LinuxTarget::facts() {
    std::vector<Fact> out;
    out.emplace_back(TextFact{"kernel", kernel_release()});
    if (!devices_.empty()) {
        const auto iommu = iommu_kind(devices_[0]->named.bdf);
        out.emplace_back(TextFact{"iommu", iommu});
        // To find out a device is opened, and may be reset, which takes its time: not where the answer is known.
        const bool known = iommu.starts_with("vtd") || iommu == "amd";
        if (known || can_make_hwpt()) out.emplace_back(TextFact{"feature", "hwpt"});
    }
    if (iommu_is_qemus()) out.emplace_back(TextFact{"feature", "qemu-iommu"});
    if (iommufd_.has_map_file()) out.emplace_back(TextFact{"feature", "map-file"});
    if (read_line("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages").value_or("0") != "0")
        out.emplace_back(TextFact{"feature", "huge-buffers"});
    if (log_.available()) out.emplace_back(TextFact{"feature", "kernel-log"});
    if (std::ranges::all_of(devices_, [](const auto& d) { return can_reset(d->named.bdf); }))
        out.emplace_back(TextFact{"feature", "reset"});
    out.insert(out.end(), machine_facts_.begin(), machine_facts_.end());
    return out;
}

// A driver without ops->domain_alloc_paging() knows what a page table can hold when a device is attached, and not before
// (virtio-iommu before Linux 6.16: viommu_domain_finalise()). Made by IOMMU_HWPT_ALLOC it has an aperture of one byte:
// drivers/iommu/iommufd/hw_pagetable.c, "immediate_attach exists only to accommodate iommu drivers that cannot directly
// allocate a domain".
bool LinuxTarget::can_make_hwpt() {
    VfioDevice device;
    if (!device.open(devices_[0]->named.node, iommufd_.fd()).ok()) return false;
    const auto ioas = iommufd_.ioas_alloc();
    const auto hwpt = iommufd_.hwpt_alloc(device.id(), ioas.value);
    const auto ranges = iommufd_.ranges(ioas.value);
    if (hwpt.error.ok()) (void)iommufd_.destroy(hwpt.value);
    (void)iommufd_.destroy(ioas.value);
    device.close();
    return hwpt.error.ok() && ranges.error.ok() &&
           std::ranges::any_of(ranges.value, [](const IovaRange& r) { return r.length >= kPageSize; });
}

std::unique_ptr<Engine> LinuxTarget::engine(DeviceId id, StagingSlice staging) {
    auto& d = at(id);
    const auto* entry = find_engine(d.fact.engine);
    if (entry == nullptr || !d.vfio.is_open()) return nullptr;
    return entry->make({Registers(d.vfio.bar0()), [&d] { return d.vfio.reset(); },
                        label(d.named), d.named.scratch},
                       staging);
}

Nanoseconds LinuxTarget::now() {
    const auto since = std::chrono::steady_clock::now() - begin_;
    return {static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count())};
}

void LinuxTarget::sleep(Nanoseconds t) { std::this_thread::sleep_for(std::chrono::nanoseconds(t.value)); }

Errno LinuxTarget::open(DeviceId id) {
    const std::unique_lock alone(at(id).gate);
    return at(id).vfio.open(at(id).named.node, iommufd_.fd());
}

Errno LinuxTarget::close(DeviceId id) {
    const std::unique_lock alone(at(id).gate);
    if (!at(id).vfio.is_open()) return {EBADF};
    at(id).vfio.close();
    return {};
}

Errno LinuxTarget::reset(DeviceId id) {
    const std::unique_lock alone(at(id).gate);
    return at(id).vfio.reset();
}

Errno LinuxTarget::attach(DeviceId id, ObjectId domain) {
    const std::shared_lock open(at(id).gate);
    return at(id).vfio.attach(domain.value);
}

Errno LinuxTarget::detach(DeviceId id) {
    const std::shared_lock open(at(id).gate);
    return at(id).vfio.detach();
}

Result<ObjectId> LinuxTarget::hwpt_alloc(DeviceId id, ObjectId ioas) {
    const std::shared_lock open(at(id).gate);
    return iommufd_.hwpt_alloc(at(id).vfio.id(), ioas);
}

}  // namespace landfall
