// Every engine, one line each.
#include <algorithm>
#include <array>

#include "engines/engine.hpp"

namespace landfall {
namespace {

constexpr std::array kEngines{
    EngineEntry{0x1234, 0x11e8, "edu", make_edu},  // QEMU edu
    EngineEntry{0x8086, 0x10c9, "igb", make_igb},  // Intel 82576
};

}  // namespace

std::span<const EngineEntry> engine_catalog() { return kEngines; }

const EngineEntry* find_engine(std::uint16_t vendor, std::uint16_t device) {
    const auto it = std::ranges::find_if(
        kEngines, [&](const EngineEntry& e) { return e.vendor == vendor && e.device == device; });
    return it == kEngines.end() ? nullptr : &*it;
}

}  // namespace landfall
