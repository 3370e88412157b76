// The `devices` of a virtual machine, as QEMU's arguments and as the addresses its guest will see.
#include "rig/rig_devices.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "landfall/cursor.hpp"
#include "rig/machine.hpp"

namespace landfall {
namespace {

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

/// A device of the file with what is below it.
struct Device {
    Yaml place;
    Address at;
    const DeviceModel* model;
    std::string name;
    std::vector<Yaml> vfs;  ///< names of its virtual functions, from number 0 on
    std::string properties;
    std::vector<Device> below;
};

/// What is free on the root bus; elsewhere every slot is.
struct RootBus {
    unsigned first_slot;
};

std::vector<Device> devices(const Yaml& list, const RootBus* root);

/// A physical function is no device of a scenario: to reset it is to lose its virtual functions.
std::vector<Yaml> virtual_functions(const Yaml& names, const DeviceModel& model, bool named) {
    if (model.vf_engine == nullptr) names.fail("no virtual functions: this model has none");
    if (named) names.fail("a device that has a name or virtual functions, not both");
    auto out = names.list();
    if (out.empty() || out.size() > model.vfs) names.fail(fmt::format("1 to {} names", model.vfs));
    return out;
}

Device device(const Yaml& node, const RootBus* root) {
    node.keys({"at", "model", "name", "vfs", "properties", "below"});
    const Yaml label = node.at("model");
    Device d{node, address(node.at("at")), find_model(label.text()), {}, {}, {}, {}};
    if (d.model == nullptr) label.fail("a device model: " + join_words(model_labels()));
    if (root != nullptr && (d.at.slot < root->first_slot || d.at.slot >= kPortSlot)) {
        node.at("at").fail(fmt::format("a slot from {:x} to {:x}: the others are the machine's own",
                                       root->first_slot, kPortSlot - 1));
    }
    if (const auto name = node.find("name")) {
        if (d.model->engine == nullptr) name->fail("no name: a bridge does no DMA");
        d.name = function_name(*name);
    }
    if (const auto vfs = node.find("vfs")) d.vfs = virtual_functions(*vfs, *d.model, !d.name.empty());
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

/// A disk goes with the machine, so it is scratch by construction. Virtual functions see what their subsystem shares, and both
/// are devices of their own.
std::vector<std::string> with_disk(const Device& d, const std::string& device, unsigned disk) {
    if (d.vfs.empty()) return {fmt::format("{},serial=disk{},drive=disk{}", device, disk, disk)};
    return {fmt::format("nvme-subsys,id=subsys{}", disk),
            fmt::format("{0},serial=disk{1},subsys=subsys{1},id=nvme{1}", device, disk),
            fmt::format("nvme-ns,bus=nvme{0},drive=disk{0}", disk)};
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
            if (!d.vfs.empty()) text += d.model->vf_properties;
            text += d.properties;
            for (auto& device : d.model->disk ? with_disk(d, text, rig_.disks++) : std::vector{text})
                rig_.qemu_args.insert(rig_.qemu_args.end(), {"-device", std::move(device)});
            name(d, {0, number, d.at.slot, d.at.function});
            if (d.model->bridge) {
                last_bus_ = child;
                bus(d.below, child, child_id);
            }
        }
    }

  private:
    void name(const Device& d, Bdf bdf) {
        if (!d.name.empty()) add(d.place.at("name"), {d.name, bdf, d.model->engine, std::nullopt, 0, d.model->disk});
        for (unsigned i = 0; i < d.vfs.size(); ++i)
            add(d.vfs[i], {function_name(d.vfs[i]), bdf, d.model->vf_engine, std::nullopt, 0, d.model->disk, i});
    }

    void add(const Yaml& name, RigFunction function) {
        for (const RigFunction& f : rig_.functions)
            if (f.name == function.name) name.fail("a name no other function has");
        rig_.functions.push_back(std::move(function));
    }

    RigFile& rig_;
    std::uint8_t last_bus_ = 0;
};

}  // namespace

std::string join_words(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, ", "));
}

std::string function_name(const Yaml& node) {
    std::string name = node.text();
    if (!is_name(name) || name.find('.') != std::string::npos)
        node.fail("a name: a letter, then letters, digits, '-' and '_'");
    return name;
}

std::string properties_of(const Yaml& node) {
    std::string out;
    for (const auto& [key, value] : node.pairs()) {
        if ((key.text() + value.scalar()).find(',') != std::string::npos)
            key.fail("a property without commas");
        out += fmt::format(",{}={}", key.text(), value.scalar());
    }
    return out;
}

void read_devices(const Yaml& list, unsigned first_slot, RigFile& rig) {
    const RootBus root{first_slot};
    Layout(rig).bus(devices(list, &root), 0, "pcie.0");
}

}  // namespace landfall
