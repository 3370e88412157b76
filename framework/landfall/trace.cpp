#include "landfall/trace.hpp"

#include <filesystem>
#include <sstream>
#include "landfall/read_ahead.hpp"

namespace landfall {
namespace {

// From this size on a second thread pays.
constexpr std::uintmax_t kLarge = 1U << 20;

bool is_large_file(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) && std::filesystem::file_size(path, ignored) >= kLarge;
}

bool read_ahead(std::istream& in, const std::string& file, const std::function<void(Line&&)>& take) {
    ReadAhead reader(in, file);
    for (std::vector<Line> lines; reader.next(lines);)
        for (auto& line : lines) take(std::move(line));
    return reader.cut();
}

}  // namespace

bool read_trace(std::istream& in, const std::string& file, const std::function<void(Line&&)>& take) {
    LineReader reader(in, file);
    std::string text;
    while (reader.next(text)) {
        if (reader.cut()) return true;
        take(parse_line(text, file, reader.number()));
    }
    return false;
}

bool read_trace(const std::string& path, const std::function<void(Line&&)>& take) {
    const auto in = open_text(path);
    if (is_large_file(path)) return read_ahead(*in, path, take);
    return read_trace(*in, path == "-" ? "<stdin>" : path, take);
}

Trace Trace::parse(std::string_view text, std::string file) {
    Trace t{std::move(file), {}, false};
    std::istringstream in{std::string(text)};
    t.cut = read_trace(in, t.file, [&t](Line&& line) { t.lines.push_back(std::move(line)); });
    return t;
}

Trace Trace::read(const std::string& path) {
    Trace t{path, {}, false};
    t.cut = read_trace(path, [&t](Line&& line) { t.lines.push_back(std::move(line)); });
    return t;
}

std::string Trace::print() const {
    std::string out;
    for (const auto& line : lines) out += landfall::print(line) + '\n';
    return out;
}

Scenario Trace::scenario() const {
    Scenario s{file, {}};
    for (const auto& line : lines) {
        if (in_scenario(line)) s.lines.push_back(as_scenario(line));
    }
    return s;
}

}  // namespace landfall
