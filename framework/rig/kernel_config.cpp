#include "rig/kernel_config.hpp"

#include <map>
#include <optional>

#include "landfall/error.hpp"

namespace landfall {
namespace {

constexpr std::string_view kPrefix = "CONFIG_", kUnset = " is not set";

struct Assignment {
    std::string name, value;
};

/// What a line of a configuration assigns; nullopt for a comment, an empty line or anything else.
std::optional<Assignment> assignment(std::string_view line) {
    if (line.starts_with("# CONFIG_") && line.ends_with(kUnset)) {
        line.remove_prefix(2 + kPrefix.size());
        line.remove_suffix(kUnset.size());
        return Assignment{std::string(line), "n"};
    }
    const std::size_t equals = line.find('=');
    if (!line.starts_with(kPrefix) || equals == std::string_view::npos || equals + 1 == line.size())
        return std::nullopt;
    return Assignment{std::string(line.substr(kPrefix.size(), equals - kPrefix.size())),
                      std::string(line.substr(equals + 1))};
}

template <class Take>
void each_line(std::string_view text, const Take& take) {
    unsigned number = 0;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        take(text.substr(0, end), ++number);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

}  // namespace

std::vector<ConfigSymbol> parse_fragment(std::string_view text, const std::string& file) {
    std::vector<ConfigSymbol> out;
    std::map<std::string, unsigned> seen;
    each_line(text, [&](std::string_view line, unsigned number) {
        const auto found = assignment(line);
        if (!found) {
            if (line.empty() || line.front() == '#') return;
            throw TextError({file, number, 1}, std::string(line),
                            "CONFIG_NAME=value, '# CONFIG_NAME is not set', or a comment");
        }
        if (!seen.emplace(found->name, number).second) {
            throw TextError({file, number, 1}, "CONFIG_" + found->name, "each symbol once");
        }
        out.push_back({found->name, found->value, file, number});
    });
    return out;
}

std::vector<ConfigSymbol> unmet_symbols(const std::vector<ConfigSymbol>& wanted, std::string_view config) {
    std::map<std::string, std::string, std::less<>> granted;
    each_line(config, [&](std::string_view line, unsigned) {
        if (auto found = assignment(line)) granted[found->name] = found->value;
    });
    std::map<std::string, unsigned> askers;
    for (const ConfigSymbol& symbol : wanted) ++askers[symbol.name];
    std::vector<ConfigSymbol> out;
    for (const ConfigSymbol& symbol : wanted) {
        if (--askers[symbol.name] > 0) continue;
        const auto found = granted.find(symbol.name);
        if ((found == granted.end() ? "n" : found->second) != symbol.value) out.push_back(symbol);
    }
    return out;
}

}  // namespace landfall
