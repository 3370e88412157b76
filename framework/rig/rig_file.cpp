// Reads rig files. docs/rigs.md is the prose to this file.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "landfall/cursor.hpp"
#include "landfall/error.hpp"
#include "landfall/scenario.hpp"
#include "rig/machine.hpp"
#include "rig/paths.hpp"
#include "rig/rig.hpp"
#include "rig/yaml.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

/// "8.1": slot and function in hexadecimal, as lspci prints them.
struct Address {
    std::uint8_t slot = 0, function = 0;
    auto operator<=>(const Address&) const = default;
};

Address address(const Yaml& node) {
    const auto bdf = Bdf::parse("00:" + std::string(node.text().size() == 3 ? "0" : "") + node.text());
    if (!bdf) node.fail("SLOT.FUNCTION in hexadecimal, as 8.0 or 1d.1");
    return {bdf->device, bdf->function};
}

/// What scenarios call a function: it stands between spaces and before a '=' in the protocol.
std::string function_name(const Yaml& node) {
    std::string name = node.text();
    if (!is_name(name) || name.find('.') != std::string::npos)
        node.fail("a name: a letter, then letters, digits, '-' and '_'");
    return name;
}

/// A device of the file with what is below it.
struct Device {
    Yaml place;
    Address at;
    const DeviceModel* model;
    std::string name;
    std::string properties;
    std::vector<Device> below;
};

/// What is free on the root bus; elsewhere every slot is.
struct RootBus {
    unsigned first_slot;
};

std::vector<Device> devices(const Yaml& list, const RootBus* root);

std::string join_words(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, ", "));
}

/// ",key=value" for each.
std::string properties_of(const Yaml& node) {
    std::string out;
    for (const auto& [key, value] : node.pairs()) {
        if ((key.text() + value.scalar()).find(',') != std::string::npos)
            key.fail("a property without commas");
        out += fmt::format(",{}={}", key.text(), value.scalar());
    }
    return out;
}

Device device(const Yaml& node, const RootBus* root) {
    node.keys({"at", "model", "name", "properties", "below"});
    const Yaml label = node.at("model");
    Device d{node, address(node.at("at")), find_model(label.text()), {}, {}, {}};
    if (d.model == nullptr) label.fail("a device model: " + join_words(model_labels()));
    if (root != nullptr && (d.at.slot < root->first_slot || d.at.slot >= kPortSlot)) {
        node.at("at").fail(fmt::format("a slot from {:x} to {:x}: the others are the machine's own",
                                       root->first_slot, kPortSlot - 1));
    }
    if (const auto name = node.find("name")) {
        if (d.model->engine == nullptr) name->fail("no name: a bridge does no DMA");
        d.name = function_name(*name);
    }
    if (const auto properties = node.find("properties")) d.properties = properties_of(*properties);
    if (const auto below = node.find("below")) {
        if (!d.model->bridge) below->fail("nothing below: this is no bridge");
        d.below = devices(*below, nullptr);
    }
    return d;
}

/// The devices of one bus in the order the firmware numbers them.
std::vector<Device> devices(const Yaml& list, const RootBus* root) {
    std::vector<Device> out;
    std::set<Address> taken;
    for (const Yaml& node : list.list()) {
        out.push_back(device(node, root));
        if (!taken.insert(out.back().at).second)
            node.at("at").fail("an address nothing else of this bus has");
    }
    for (const Device& d : out) {
        // PCI: a slot without function 0 is not looked at.
        if (!taken.contains({d.at.slot, 0})) d.place.at("at").fail("a device at function 0 of this slot");
    }
    std::stable_sort(out.begin(), out.end(), [](const Device& a, const Device& b) { return a.at < b.at; });
    return out;
}

constexpr std::uint8_t kMaxBus = 0xff;

// Turns the tree into QEMU's flat list and the addresses the guest will see.
class Layout {
  public:
    explicit Layout(RigFile& rig) : rig_(rig) {}

    /// The firmware (SeaBIOS, pci_bios_init_bus_rec) numbers buses depth first in the order of their bridges.
    void bus(const std::vector<Device>& devices, std::uint8_t number, const std::string& id) {
        for (const Device& d : devices) {
            const bool several = std::count_if(devices.begin(), devices.end(),
                                               [&](const Device& o) { return o.at.slot == d.at.slot; }) > 1;
            std::string text =
                fmt::format("{},bus={},addr={:x}.{}", d.model->device, id, d.at.slot, d.at.function);
            if (several && d.at.function == 0) text += ",multifunction=on";
            if (d.model->bridge && last_bus_ == kMaxBus) d.place.fail("at most 255 bridges");
            const auto child = static_cast<std::uint8_t>(last_bus_ + 1);
            const std::string child_id = fmt::format("bus{}", child);
            if (d.model->bridge) text += ",id=" + child_id;
            // Root ports are told apart by chassis and slot number.
            if (d.model->label == std::string("pcie-root-port")) text += fmt::format(",chassis={}", child);
            // Its disk goes with the machine, so it is scratch by construction.
            if (d.model->disk) text += fmt::format(",serial=disk{0},drive=disk{0}", rig_.disks++);
            rig_.qemu_args.insert(rig_.qemu_args.end(), {"-device", text + d.properties});
            if (!d.name.empty()) name(d, {0, number, d.at.slot, d.at.function});
            if (d.model->bridge) {
                last_bus_ = child;
                bus(d.below, child, child_id);
            }
        }
    }

  private:
    void name(const Device& d, Bdf bdf) {
        for (const RigFunction& f : rig_.functions) {
            if (f.name == d.name) d.place.at("name").fail("a name no other function has");
        }
        rig_.functions.push_back({d.name, bdf, d.model->engine, std::nullopt, 0, d.model->disk});
    }

    RigFile& rig_;
    std::uint8_t last_bus_ = 0;
};

/// `iommu: vtd`, or `iommu: { model: vtd, properties: { aw-bits: 39 } }`.
const IommuKind& read_iommu(const Yaml& node, RigFile& rig) {
    if (node.is_map()) {
        node.keys({"model", "properties"});
        if (const auto properties = node.find("properties")) rig.iommu_properties = properties_of(*properties);
    }
    const Yaml label = node.is_map() ? node.at("model") : node;
    rig.iommu = label.text();
    const IommuKind* kind = find_iommu(rig.iommu);
    if (kind == nullptr) label.fail("an IOMMU: " + join_words(iommu_labels()));
    return *kind;
}

void read_api(const Yaml& top, RigFile& rig) {
    const auto api = top.find("api");
    if (!api) return;
    rig.api = parse_api(api->text());
    if (!rig.api) api->fail("iommufd or type1");
}

void read_machine(const Yaml& top, RigFile& rig) {
    top.keys({"title", "kind", "kernel", "kernel-args", "api", "memory", "cpus", "iommu", "devices", "groups"});
    read_api(top, rig);
    rig.kernel = top.at("kernel").text();
    if (const auto args = top.find("kernel-args")) rig.kernel_args = args->words();
    if (const auto memory = top.find("memory"))
        rig.memory_mib = static_cast<unsigned>(memory->mebibytes(128, 1536));
    if (const auto cpus = top.find("cpus")) rig.cpus = static_cast<unsigned>(cpus->number(1, 8));
    const RootBus root{read_iommu(top.at("iommu"), rig).first_slot};
    Layout(rig).bus(devices(top.at("devices"), &root), 0, "pcie.0");
    if (rig.functions.empty()) top.at("devices").fail("a device with a name");
}

void read_local(const Yaml& top, RigFile& rig) {
    top.keys({"title", "kind", "api", "functions", "groups"});
    read_api(top, rig);
    for (const auto& [name, node] : top.at("functions").pairs()) {
        // An address, or with more to say about it a map.
        const bool more = node.is_map();
        if (more) node.keys({"at", "scratch"});
        const Yaml place = more ? node.at("at") : node;
        const auto bdf = Bdf::parse(place.text());
        if (!bdf) place.fail("an address, as 0000:00:08.0");
        const auto scratch = more ? node.find("scratch") : std::nullopt;
        rig.functions.push_back({function_name(name), *bdf, {}, std::nullopt, 0, scratch && scratch->flag()});
    }
    if (rig.functions.empty()) top.at("functions").fail("a function with a name");
}

constexpr unsigned kMaxSimFunctions = 7, kSimUnits = 4;

void read_sim(const Yaml& top, RigFile& rig) {
    top.keys({"title", "kind", "functions", "groups"});
    rig.iommu = "sim";
    const auto bdf_of = [](const Yaml& node) {
        const auto bdf = Bdf::parse(node.text());
        if (!bdf) node.fail("an address, as 0000:00:08.0");
        return *bdf;
    };
    const Yaml functions = top.at("functions");
    for (const auto& [name, node] : functions.pairs()) {
        node.keys({"at", "alias", "unit"});
        RigFunction f{function_name(name), bdf_of(node.at("at")), "sim", std::nullopt, 0};
        if (const auto alias = node.find("alias")) f.alias = bdf_of(*alias);
        if (const auto unit = node.find("unit")) f.unit = static_cast<unsigned>(unit->number(0, kSimUnits - 1));
        for (const RigFunction& other : rig.functions)
            if (other.bdf == f.bdf) node.at("at").fail("an address no other function has");
        rig.functions.push_back(std::move(f));
    }
    if (rig.functions.empty() || rig.functions.size() > kMaxSimFunctions)
        functions.fail(fmt::format("1 to {} functions", kMaxSimFunctions));
}

void read_groups(const Yaml& groups, RigFile& rig) {
    std::set<std::string> seen;
    for (const Yaml& group : groups.list()) {
        auto& names = rig.groups.emplace_back();
        for (const Yaml& name : group.list()) {
            names.push_back(name.text());
            const bool known = std::any_of(rig.functions.begin(), rig.functions.end(),
                                           [&](const RigFunction& f) { return f.name == names.back(); });
            if (!known) name.fail("the name of a function of this rig");
            if (!seen.insert(names.back()).second) name.fail("each name in one group only");
        }
    }
    for (const RigFunction& f : rig.functions) {
        if (!seen.contains(f.name)) groups.fail(fmt::format("a group that '{}' is in", f.name));
    }
}

std::vector<fs::path> shipped() {
    std::vector<fs::path> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(fixtures_dir() / "rigs", error)) {
        if (entry.path().extension() == ".yaml") out.push_back(entry.path());
    }
    if (error)
        throw LabError(fmt::format("{}: {}", (fixtures_dir() / "rigs").string(), error.message()),
                       "set LANDFALL_FIXTURES to the fixtures folder of Landfall");
    std::sort(out.begin(), out.end(),
              [](const fs::path& a, const fs::path& b) { return a.stem() < b.stem(); });
    return out;
}

std::string resolve(const std::string& name_or_path) {
    if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".yaml")) return name_or_path;
    std::vector<std::string> names;
    for (const auto& path : shipped()) {
        names.push_back(path.stem());
        if (names.back() == name_or_path) return path;
    }
    throw TextError({"rig", 0, 0}, name_or_path, "a rig file, or one of: " + join_words(names));
}

}  // namespace

RigFile load_rig(const std::string& name_or_path) {
    const auto path = resolve(name_or_path);
    return read_rig(*open_text(path), path);
}

RigFile read_rig(std::istream& in, const std::string& path) {
    RigFile rig;
    rig.path = path;
    rig.name = fs::path(rig.path).stem();
    const Yaml top = Yaml::read(in, path);
    rig.title = top.at("title").text();
    const Yaml kind = top.at("kind");
    if (kind.text() == "qemu") {
        read_machine(top, rig);
    } else if (kind.text() == "local") {
        rig.kind = RigFile::Kind::local;
        read_local(top, rig);
    } else if (kind.text() == "sim") {
        rig.kind = RigFile::Kind::sim;
        read_sim(top, rig);
    } else {
        kind.fail("qemu, local or sim");
    }
    read_groups(top.at("groups"), rig);
    return rig;
}

std::vector<RigFile> list_rigs() {
    std::vector<RigFile> out;
    for (const auto& path : shipped()) out.push_back(load_rig(path));
    return out;
}

}  // namespace landfall
