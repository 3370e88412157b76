// How functions and their ACS are written where people read them.
#pragma once

#include <string>

#include "discover.hpp"

namespace landfall {

/// "00:08.1"; with its domain where that is not 0.
[[nodiscard]] std::string short_name(const Bdf& bdf);

/// The redirections that make isolation, as far as they are on: "SV RR CR UF", "SV", "off".
[[nodiscard]] std::string acs_flags(const Acs& acs);

}  // namespace landfall
