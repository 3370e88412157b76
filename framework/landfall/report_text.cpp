#include "landfall/report_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::text {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

}  // namespace

std::size_t columns(std::string_view s) {
    return static_cast<std::size_t>(std::ranges::count_if(s, [](char c) { return !continues(c); }));
}

std::string clip(std::string_view s, std::size_t width) {
    if (columns(s) <= width) return std::string(s);
    std::size_t end = 0;
    for (std::size_t shown = 0; end < s.size(); ++end) {
        if (continues(s[end])) continue;
        if (++shown == std::max<std::size_t>(width, 1)) break;
    }
    return std::string(s.substr(0, end)) + "…";
}

std::string pad(std::string_view s, std::size_t width) {
    const auto used = columns(s);
    return std::string(s) + std::string(used < width ? width - used : 0, ' ');
}

std::string wrap(std::string_view s, std::size_t width, std::size_t indent) {
    std::string out;
    std::size_t used = 0;
    while (!s.empty()) {
        const auto word = s.substr(0, s.find(' '));
        s.remove_prefix(std::min(s.size(), word.size() + 1));
        const auto need = columns(word);
        if (used > 0 && used + 1 + need > width) {
            out += '\n' + std::string(indent, ' ');
            used = 0;
        } else if (used > 0) {
            out += ' ';
            ++used;
        }
        out += word;
        used += need;
    }
    return out;
}

std::string counted(std::uint64_t n, std::string_view noun) {
    return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

std::string milliseconds(Nanoseconds t) {
    return fmt::format("{:.3f} ms", static_cast<double>(t.value) / 1e6);
}

std::string paint(const ReportStyle& style, Ink ink, std::string_view s) {
    if (!style.color || ink == Ink::plain) return std::string(s);
    constexpr const char* kCodes[] = {"0", "1", "2", "32", "31", "33"};
    return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<int>(ink)], s);
}

std::string body(const Line& line) {
    std::string out;
    if (const auto* s = line.step()) out = print(*s);
    if (const auto* f = line.fact()) out = print(*f);
    if (const auto* e = line.event()) out = print(*e);
    if (line.observed) out += " => " + print(*line.observed);
    return out;
}

}  // namespace landfall::text
