#include "words.hpp"

#include <array>
#include <utility>

namespace landfall {

std::string short_name(const Bdf& bdf) {
    auto name = bdf.str();
    return bdf.domain == 0 ? name.substr(name.find(':') + 1) : name;
}

std::string acs_flags(const Acs& acs) {
    constexpr std::array kFlags{std::pair{0x01U, "SV"}, std::pair{0x04U, "RR"}, std::pair{0x08U, "CR"},
                                std::pair{0x10U, "UF"}};
    std::string on;
    for (const auto& [bit, name] : kFlags)
        if ((acs.control & bit) != 0) on += (on.empty() ? "" : " ") + std::string(name);
    return on.empty() ? "off" : on;
}

}  // namespace landfall
