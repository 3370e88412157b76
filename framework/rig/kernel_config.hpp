// Kernel configuration: fragments of it, and whether a build really has what they ask for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace landfall {

/// One `CONFIG_NAME=value` or `# CONFIG_NAME is not set` (value "n") and where it was written.
struct ConfigSymbol {
    std::string name, value;
    std::string file;
    unsigned line = 0;
};

/// Every symbol of a fragment. Throws TextError for a line that is neither a symbol, a comment nor empty, and
/// for a symbol asked for twice.
[[nodiscard]] std::vector<ConfigSymbol> parse_fragment(std::string_view text, const std::string& file);

/// Those of `wanted` the finished .config does not grant. Kconfig drops without a word what depends on
/// something absent and what this kernel does not know, so a build is only believed after this. Of one that is asked for by
/// several fragments the last decides, here as there.
[[nodiscard]] std::vector<ConfigSymbol> unmet_symbols(const std::vector<ConfigSymbol>& wanted,
                                                      std::string_view config);

}  // namespace landfall
