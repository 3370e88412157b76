#include "landfall/trace.hpp"

#include <sstream>

namespace landfall {

bool read_trace(std::istream& in, const std::string& file, const std::function<void(const Line&)>& take) {
    LineReader reader(in, file);
    std::string text;
    while (reader.next(text)) {
        if (reader.cut()) return true;
        take(parse_line(text, file, reader.number()));
    }
    return false;
}

bool read_trace(const std::string& path, const std::function<void(const Line&)>& take) {
    const auto in = open_text(path);
    return read_trace(*in, path == "-" ? "<stdin>" : path, take);
}

Trace Trace::parse(std::string_view text, std::string file) {
    Trace t{std::move(file), {}, false};
    std::istringstream in{std::string(text)};
    t.cut = read_trace(in, t.file, [&t](const Line& line) { t.lines.push_back(line); });
    return t;
}

Trace Trace::read(const std::string& path) {
    Trace t{path, {}, false};
    t.cut = read_trace(path, [&t](const Line& line) { t.lines.push_back(line); });
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
