// What a machine's PCI functions are, from the running kernel or from a report someone sent. Reads only.
#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "landfall/types.hpp"

namespace landfall {

/// Where to look. Every kind goes through libpci, so one decoder serves all of them.
struct Source {
    enum class Kind {
        sysfs,  ///< a sysfs mount: `path`/bus/pci and `path`/kernel/iommu_groups
        proc,   ///< a copy of /proc/bus/pci, as in an sos report
        dump,   ///< text of `lspci -xxxx`; -v or -vvv lines in between may stay
    };
    Kind kind = Kind::sysfs;
    std::string path = "/sys";

    /// Tells the kind by what is at `path`: a file is a dump, a directory one of the others (or holds
    /// proc/bus/pci). Throws TextError if it is none of these.
    [[nodiscard]] static Source at(const std::string& path);
};

struct Capability {
    std::uint16_t id = 0, offset = 0;
    bool extended = false;
    bool operator==(const Capability&) const = default;
};

/// Device/Port Type of the PCI Express Capabilities register (PCIe 6.0 table 7-17).
enum class PortType : std::uint8_t {
    endpoint = 0,
    legacy_endpoint = 1,
    root_port = 4,
    upstream_port = 5,
    downstream_port = 6,
    pcie_to_pci = 7,
    pci_to_pcie = 8,
    rc_endpoint = 9,
    rc_event_collector = 10,
};

/// The ACS extended capability (PCIe 6.0 section 7.7.11).
struct Acs {
    std::uint16_t capability = 0, control = 0;
    bool operator==(const Acs&) const = default;
};

struct BusNumbers {
    std::uint8_t primary = 0, secondary = 0, subordinate = 0;
    bool operator==(const BusNumbers&) const = default;
};

/// How much of a function's config space could be read. Below `full` a missing capability proves nothing.
enum class Visible {
    nothing,   ///< not even the header
    header,    ///< 64 bytes: what the kernel lets anybody read; capabilities unknown
    standard,  ///< 256 bytes: extended capabilities unknown, ACS among them
    full,      ///< all there is
};

struct Function {
    Bdf bdf;
    std::uint16_t vendor = 0, device = 0;
    std::uint16_t device_class = 0;  ///< base class and subclass, 0x0200 for an Ethernet controller
    std::string name;                ///< of the device, else of its class; empty without pci.ids
    std::uint8_t header_type = 0;    ///< 0 device, 1 bridge, 2 CardBus bridge
    bool multifunction = false;      ///< as Linux counts it; see discover.cpp
    Visible visible = Visible::nothing;
    std::vector<Capability> capabilities;  ///< in order of offset
    std::optional<PortType> port;          ///< nullopt: conventional PCI, or unknown below Visible::standard
    std::optional<Acs> acs;
    std::optional<BusNumbers> bridge;
    std::array<std::uint64_t, 6> bar_sizes{};  ///< bytes; 0: none, or the source does not say
    std::string driver;                        ///< bound now; empty if none
    std::optional<std::uint32_t> group;        ///< the kernel's iommu_group
};

struct Machine {
    std::vector<Function> functions;  ///< ascending by bdf
    /// IOVAs of a group that iommufd will not map. direct-relaxable regions are not among them: iommufd lets
    /// a device go without those (iopt_table_enforce_dev_resv_regions in
    /// drivers/iommu/iommufd/io_pagetable.c).
    std::map<std::uint32_t, std::vector<IovaRange>> reserved;

    [[nodiscard]] const Function* find(Bdf bdf) const;
};

/// Throws TextError if a dump is wrong (file:line:column), LabError if the machine cannot be read.
[[nodiscard]] Machine discover(const Source& source = {});
/// A dump from a text; `file` is for messages.
[[nodiscard]] Machine discover_dump(std::istream& in, const std::string& file);

}  // namespace landfall
