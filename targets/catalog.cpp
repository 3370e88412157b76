// Every engine, one line each.
#include <algorithm>
#include <array>

#include "engines/engine.hpp"
#include "landfall/error.hpp"

namespace landfall {
namespace {

constexpr std::array kEngines{
    EngineEntry{0x1234, 0x11e8, "edu", make_edu},  // QEMU edu
    EngineEntry{0x8086, 0x10c9, "igb", make_igb},  // Intel 82576
    EngineEntry{0x8086, 0x10ca, "igbvf", make_igbvf, 0, false, make_igb_physical},  // a virtual function of it
    // Non-volatile memory controllers (PCI Code and ID Assignment Specification).
    EngineEntry{0, 0, "nvme", make_nvme, 0x0108, true, make_nvme_physical},
};

}  // namespace

std::span<const EngineEntry> engine_catalog() { return kEngines; }

const EngineEntry* find_engine(std::uint16_t vendor, std::uint16_t device, std::uint16_t device_class) {
    const auto it = std::ranges::find_if(kEngines, [&](const EngineEntry& e) {
        return e.device_class != 0 ? e.device_class == device_class : e.vendor == vendor && e.device == device;
    });
    return it == kEngines.end() ? nullptr : &*it;
}

const EngineEntry* find_engine(std::string_view name) {
    const auto it = std::ranges::find_if(kEngines, [&](const EngineEntry& e) { return e.name == name; });
    return it == kEngines.end() ? nullptr : &*it;
}

void require_scratch(const std::string& label, bool scratch) {
    if (scratch) return;
    throw LabError(label + " stores things, which its copies would overwrite: expected it to be named as scratch",
                   "only if it holds nothing anyone needs: `scratch: true` at the function in the rig file, or "
                   "`--device NAME=BDF,scratch`");
}

}  // namespace landfall
