#include "linux/linux_target.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "landfall/error.hpp"
#include "linux/sysfs.hpp"
#include "pci/facts.hpp"

namespace landfall {
namespace {

// Of the VT-d capability register (Intel VT-d specification 4.1, section 11.4.2), SAGAW: tables of four levels; MGAW, less one.
constexpr std::uint64_t kCapFourLevels = 1ULL << 10;
constexpr unsigned kCapWidthShift = 16, kCapWidthMask = 0x3f;
// Of the extended one (11.4.3).
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
// A machine that has no such tables has a device tree, whose root names it (hw/arm/virt.c, create_fdt()).
bool iommu_is_qemus() {
    if (read_line("/proc/device-tree/compatible").value_or("").starts_with("linux,dummy-virt")) return true;
    return std::ranges::any_of(std::array{"DMAR", "IVRS", "VIOT"}, [](const char* table) {
        std::array<char, 16> head{};
        std::ifstream(std::string("/sys/firmware/acpi/tables/") + table, std::ios::binary).read(head.data(), head.size());
        return std::string_view(head.data(), head.size()).substr(10) == "BOCHS ";
    });
}

std::string vtd_register(const std::string& unit, const char* name) { return "/sys/class/iommu/" + unit + "/intel-iommu/" + name; }

// The hardware says that addresses of 47 bits can be mapped, whatever the kernel makes of it. First-stage tables of VT-d have no
// more (3.6: the upper half of 48 bits is another one), AMD's have 64 (AMD I/O Virtualization Technology, 2.2.3).
bool reaches_128t(const Bdf& bdf) {
    const auto unit = link_name(pci_directory(bdf) + "/iommu");
    if (unit.starts_with("ivhd")) return true;
    const auto cap = unit.starts_with("dmar") ? hex_file(vtd_register(unit, "cap")) : 0;
    return (cap & kCapFourLevels) != 0 && (cap >> kCapWidthShift & kCapWidthMask) + 1 >= 47;
}

// What stands between the device and memory: vtd, vtd-scalable, vtd-firstlevel, amd, virtio, smmuv3, or none.
std::string iommu_kind(const Bdf& bdf) {
    const auto unit = link_name(pci_directory(bdf) + "/iommu");
    if (unit.starts_with("ivhd")) return "amd";
    if (unit.starts_with("smmu3.")) return "smmuv3";  // drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c, arm_smmu_device_probe()
    // virtio-iommu's unit has the name of the bus its device is on, and lies below the device:
    // ../0000:00:01.0/virtio0/iommu/0000:00:01.0 (viommu_probe(), virtio_bus_name()).
    std::error_code error;
    const auto place = std::filesystem::read_symlink(pci_directory(bdf) + "/iommu", error).string();
    if (place.find("/virtio") != std::string::npos) return "virtio";
    if (!unit.starts_with("dmar")) return unit.empty() ? "none" : unit;
    const auto ecap = hex_file(vtd_register(unit, "ecap"));
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

}  // namespace

std::string NamedDevice::label() const {
    if (!virtual_of) return fmt::format("{} ({})", name, bdf.str());
    return fmt::format("{} (virtual function {} of {})", name, virtual_of->number, virtual_of->physical.str());
}

// A virtual function that is yet to be made is asked of its physical function, which is what stores things.
void check_scratch(const NamedDevice& d) {
    const auto number = [&](const char* file) { return hex_file(pci_directory(d.bdf) + file); };
    // The file "class" holds the programming interface, too.
    const auto* entry = find_engine(static_cast<std::uint16_t>(number("/vendor")),
                                    static_cast<std::uint16_t>(number("/device")),
                                    static_cast<std::uint16_t>(number("/class") >> 8));
    if (entry != nullptr && entry->stores) require_scratch(d.label(), d.scratch);
}

LinuxTarget::LinuxTarget(std::vector<NamedDevice> devices, std::optional<Api> api, const Machine& machine)
    : devices_(std::move(devices)), api_(api ? *api : available_api()) {
    std::vector<std::pair<std::string, Bdf>> names;
    for (const auto& d : devices_) names.emplace_back(d.name, d.bdf);
    machine_facts_ = device_facts(machine, names, [](const Function& f) {
        const auto* engine = find_engine(f.vendor, f.device, f.device_class);
        return std::string(engine != nullptr ? engine->name : "-");
    });
    // The named devices come first, in our order.
    for (std::size_t i = 0; i < devices_.size(); ++i) {
        const auto& fact = std::get<DeviceFact>(machine_facts_.at(i));
        devices_[i].group = fact.group;
        devices_[i].engine = fact.engine;
    }
    iommu_ = api_ == Api::iommufd ? make_iommufd(devices_) : make_containers(devices_, api_ == Api::compat);
}

std::vector<Fact> LinuxTarget::facts() {
    std::vector<Fact> out;
    const auto feature = [&](std::string_view name) { out.emplace_back(TextFact{"feature", std::string(name)}); };
    out.emplace_back(TextFact{"kernel", kernel_release()});
    if (!devices_.empty()) {
        const auto iommu = iommu_kind(devices_[0].bdf);
        out.emplace_back(TextFact{"iommu", iommu});
        feature(api_str(api_));
        for (const auto& name : iommu_->features(iommu)) feature(name);
    }
    if (iommu_is_qemus()) feature("qemu-iommu");
    if (read_line("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages").value_or("0") != "0")
        feature("huge-buffers");
    for (const auto& range : reserved_in_all()) feature(fmt::format("reserved-at-{}", hex_str(range.start.value)));
    if (std::ranges::all_of(devices_, [](const auto& d) { return reaches_128t(d.bdf); })) feature("reach-128T");
    if (log_.available()) feature("kernel-log");
    if (std::ranges::all_of(devices_, [](const auto& d) { return can_reset(d.bdf); })) feature("reset");
    out.insert(out.end(), machine_facts_.begin(), machine_facts_.end());
    return out;
}

std::vector<IovaRange> LinuxTarget::reserved_in_all() const {
    std::map<IovaRange, std::set<std::uint32_t>> groups;
    for (const auto& fact : machine_facts_)
        if (const auto* r = std::get_if<ReservedFact>(&fact)) groups[r->range].insert(r->group);
    std::vector<IovaRange> out;
    for (const auto& [range, whose] : groups)
        if (std::ranges::all_of(devices_, [&](const auto& d) { return whose.contains(d.group); })) out.push_back(range);
    return out;
}

std::unique_ptr<Engine> LinuxTarget::engine(DeviceId id, StagingSlice staging) {
    const auto* entry = find_engine(devices_.at(id.value).engine);
    return entry == nullptr ? nullptr : iommu_->engine(id, *entry, staging);
}

Nanoseconds LinuxTarget::now() {
    const auto since = std::chrono::steady_clock::now() - begin_;
    return {static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count())};
}

void LinuxTarget::sleep(Nanoseconds t) { std::this_thread::sleep_for(std::chrono::nanoseconds(t.value)); }

}  // namespace landfall
