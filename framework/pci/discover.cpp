#include "discover.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "access.hpp"
#include "dump.hpp"
#include "landfall/error.hpp"
#include "landfall/scenario.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeaderSize = 64, kStandardSize = 256, kExtendedSize = 4096;

std::size_t readable_bytes(pci_dev* dev) {
    std::array<u8, kExtendedSize> bytes;
    for (const auto size : {kExtendedSize, kStandardSize, kHeaderSize})
        if (pci_read_block(dev, 0, bytes.data(), static_cast<int>(size)) != 0) return size;
    return 0;
}

/// `limit` is what the kernel itself can reach of the function, if known: beyond it there is nothing to miss.
Visible visibility(pci_dev* dev, std::size_t limit) {
    const auto readable = readable_bytes(dev);
    if (readable < kHeaderSize) return Visible::nothing;
    if (readable < kStandardSize)
        return (pci_read_word(dev, PCI_STATUS) & PCI_STATUS_CAP_LIST) != 0 ? Visible::header : Visible::full;
    const bool pcie = pci_find_cap(dev, PCI_CAP_ID_EXP, PCI_CAP_NORMAL) != nullptr;
    return pcie && readable < std::min(kExtendedSize, limit) ? Visible::standard : Visible::full;
}

void read_capabilities(pci_dev* dev, Function& f) {
    pci_fill_info(dev, PCI_FILL_CAPS | PCI_FILL_EXT_CAPS);
    for (const auto* cap = dev->first_cap; cap != nullptr; cap = cap->next) {
        const bool extended = cap->type == PCI_CAP_EXTENDED;
        const auto at = static_cast<int>(cap->addr);
        f.capabilities.push_back({cap->id, static_cast<std::uint16_t>(at), extended});
        if (extended && cap->id == PCI_EXT_CAP_ID_ACS)
            f.acs = Acs{pci_read_word(dev, at + PCI_ACS_CAP), pci_read_word(dev, at + PCI_ACS_CTRL)};
        if (!extended && cap->id == PCI_CAP_ID_EXP)
            f.port =
                static_cast<PortType>((pci_read_word(dev, at + PCI_EXP_FLAGS) & PCI_EXP_FLAGS_TYPE) >> 4);
    }
    std::ranges::sort(f.capabilities, {}, &Capability::offset);
}

void read_header(pci_dev* dev, Function& f) {
    const unsigned type = pci_read_byte(dev, PCI_HEADER_TYPE);
    f.header_type = type & 0x7f;
    // A virtual function answers FFFFh to both ids (PCIe 6.0 section 9.3.4.1.1); Linux counts none as
    // multifunction (pci_iov_add_virtfn in drivers/pci/iov.c), and every other function but 0 as one
    // (pci_scan_slot in probe.c).
    const bool virtual_function = pci_read_long(dev, PCI_VENDOR_ID) == 0xffffffff;
    f.multifunction = !virtual_function && ((type & 0x80) != 0 || f.bdf.function != 0);
    if (f.header_type == PCI_HEADER_TYPE_BRIDGE)
        f.bridge = BusNumbers{pci_read_byte(dev, PCI_PRIMARY_BUS), pci_read_byte(dev, PCI_SECONDARY_BUS),
                              pci_read_byte(dev, PCI_SUBORDINATE_BUS)};
}

std::string lookup_name(pci_dev* dev) {
    std::array<char, 256> buffer{};
    constexpr int kPlain = PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB;
    const auto size = static_cast<int>(buffer.size());
    const char* name = pci_lookup_name(dev->access, buffer.data(), size, PCI_LOOKUP_DEVICE | kPlain,
                                       dev->vendor_id, dev->device_id);
    if (name == nullptr)
        name =
            pci_lookup_name(dev->access, buffer.data(), size, PCI_LOOKUP_CLASS | kPlain, dev->device_class);
    return name == nullptr ? "" : name;
}

std::optional<std::uint32_t> group_number(const char* text) {
    if (text == nullptr) return std::nullopt;
    std::uint32_t group = 0;
    const auto* end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, group);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return group;
}

Function read_function(pci_dev* dev, std::size_t limit) {
    pci_fill_info(dev,
                  PCI_FILL_IDENT | PCI_FILL_CLASS | PCI_FILL_SIZES | PCI_FILL_DRIVER | PCI_FILL_IOMMU_GROUP);
    Function f;
    f.bdf = {static_cast<std::uint32_t>(dev->domain), dev->bus, dev->dev, dev->func};
    f.vendor = dev->vendor_id;
    f.device = dev->device_id;
    f.device_class = dev->device_class;
    f.name = lookup_name(dev);
    f.visible = visibility(dev, limit);
    if (f.visible != Visible::nothing) read_header(dev, f);
    if (f.visible >= Visible::standard) read_capabilities(dev, f);
    if ((dev->known_fields & PCI_FILL_SIZES) != 0) std::ranges::copy(dev->size, f.bar_sizes.begin());
    if (const char* driver = pci_get_string_property(dev, PCI_FILL_DRIVER)) f.driver = driver;
    f.group = group_number(pci_get_string_property(dev, PCI_FILL_IOMMU_GROUP));
    return f;
}

/// `limit` gives the bytes of config space the kernel can reach of a function.
template <class Limit>
Machine read_functions(const PciAccess& access, Limit limit) {
    Machine machine;
    for (auto* dev = access->devices; dev != nullptr; dev = dev->next) {
        const Bdf bdf{static_cast<std::uint32_t>(dev->domain), dev->bus, dev->dev, dev->func};
        machine.functions.push_back(read_function(dev, limit(bdf)));
    }
    std::ranges::sort(machine.functions, {}, &Function::bdf);
    return machine;
}

/// Lines of "0x00000000fee00000 0x00000000feefffff msi" (iommu_group_show_resv_regions in
/// drivers/iommu/iommu.c).
std::vector<IovaRange> read_reserved(const fs::path& file) {
    std::vector<IovaRange> out;
    std::ifstream in(file);
    std::uint64_t first = 0, last = 0;
    std::string type;
    while (in >> std::hex >> first >> last >> type)
        if (type != "direct-relaxable" && last >= first) out.push_back({Iova{first}, last - first + 1});
    return out;
}

Machine discover_sysfs(const fs::path& root) {
    const auto devices = root / "bus/pci/devices";
    if (!fs::is_directory(devices))
        throw LabError("no PCI devices to be seen: " + devices.string() + " is not there",
                       "mount sysfs, or name a report with --from");
    const auto access = open_pci(PCI_ACCESS_SYS_BUS_PCI, "sysfs.path", root / "bus/pci");
    auto machine = read_functions(access, [&devices](const Bdf& bdf) {
        std::error_code gone;
        const auto size = fs::file_size(devices / bdf.str() / "config", gone);
        return gone ? kExtendedSize : static_cast<std::size_t>(size);
    });
    for (const auto& f : machine.functions)
        if (f.group && !machine.reserved.contains(*f.group))
            machine.reserved[*f.group] =
                read_reserved(root / "kernel/iommu_groups" / std::to_string(*f.group) / "reserved_regions");
    return machine;
}

}  // namespace

Source Source::at(const std::string& path) {
    const fs::path p(path);
    std::error_code ignored;
    if (fs::is_directory(p / "bus/pci/devices", ignored)) return {Kind::sysfs, path};
    if (fs::is_regular_file(p / "proc/bus/pci/devices", ignored)) return {Kind::proc, p / "proc/bus/pci"};
    if (fs::is_regular_file(p / "devices", ignored)) return {Kind::proc, path};
    if (fs::is_directory(p, ignored))
        throw TextError({path, 0, 0}, "a directory",
                        "a sysfs tree, a copy of /proc/bus/pci, or lspci -xxxx text");
    return {Kind::dump, path};
}

const Function* Machine::find(Bdf bdf) const {
    const auto at = std::ranges::lower_bound(functions, bdf, {}, &Function::bdf);
    return at != functions.end() && at->bdf == bdf ? &*at : nullptr;
}

Machine discover(const Source& source) {
    switch (source.kind) {
        case Source::Kind::sysfs: return discover_sysfs(source.path);
        case Source::Kind::proc:
            return read_functions(open_pci(PCI_ACCESS_PROC_BUS_PCI, "proc.path", source.path),
                                  [](const Bdf&) { return kExtendedSize; });
        case Source::Kind::dump: return discover_dump(*open_text(source.path), source.path);
    }
    std::abort();
}

Machine discover_dump(std::istream& in, const std::string& file) {
    const auto dump = read_dump(in, file);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> checked(std::tmpfile(), std::fclose);
    if (!checked || std::fwrite(dump.hex.data(), 1, dump.hex.size(), checked.get()) != dump.hex.size() ||
        std::fflush(checked.get()) != 0)
        throw LabError(std::string("cannot write a temporary file: ") + std::strerror(errno));
    const auto access =
        open_pci(PCI_ACCESS_DUMP, "dump.name", "/proc/self/fd/" + std::to_string(fileno(checked.get())));
    auto machine = read_functions(access, [](const Bdf&) { return kExtendedSize; });
    for (auto& f : machine.functions) {
        const auto& note = dump.notes.at(f.bdf);
        f.driver = note.driver;
        f.group = note.group;
    }
    return machine;
}

}  // namespace landfall
