#include "landfall/scenario.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "landfall/cursor.hpp"
#include "landfall/validate.hpp"

namespace landfall {
namespace {

// Length of the UTF-8 sequence that starts at text[i], 0 if there is no valid one (RFC 3629: no overlong
// forms, no surrogates, nothing past U+10FFFF).
std::size_t utf8_length(std::string_view text, std::size_t i) {
    const auto byte = [&](std::size_t k) -> unsigned {
        return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U;
    };
    const auto tail = [&](std::size_t n) {
        for (std::size_t k = 1; k <= n; ++k)
            if ((byte(k) & 0xc0U) != 0x80U) return false;
        return true;
    };
    const unsigned b = byte(0), c = byte(1);
    if (b < 0x80) return b == 0 ? 0 : 1;
    if (b >= 0xc2 && b <= 0xdf) return tail(1) ? 2 : 0;
    if (b >= 0xe0 && b <= 0xef)
        return tail(2) && !(b == 0xe0 && c < 0xa0) && !(b == 0xed && c > 0x9f) ? 3 : 0;
    if (b >= 0xf0 && b <= 0xf4)
        return tail(3) && !(b == 0xf0 && c < 0x90) && !(b == 0xf4 && c > 0x8f) ? 4 : 0;
    return 0;
}

// The text may have been cut inside the sequence that starts at text[i].
bool may_go_on(std::string_view text, std::size_t i) {
    for (const char tail : {'\x80', '\xbf'})
        if (utf8_length(std::string(text.substr(i)).append(3, tail), 0) > text.size() - i) return true;
    return false;
}

void require_text(std::string_view text, const std::string& file, unsigned number, bool cut) {
    for (std::size_t i = 0; i < text.size();) {
        const auto n = utf8_length(text, i);
        if (n == 0 && cut && may_go_on(text, i)) return;
        if (n == 0)
            throw TextError({file, number, static_cast<unsigned>(i + 1)},
                            "byte " + hex_str(static_cast<unsigned char>(text[i])), "UTF-8 text");
        i += n;
    }
}

Scenario read_lines(std::istream& in, std::string file, bool whole) {
    LineReader reader(in, file);
    Scenario scenario{std::move(file), {}};
    Validator validator(scenario.file);
    std::string text;
    while (reader.next(text)) {
        if (whole && reader.cut())
            throw TextError({scenario.file, reader.number(), static_cast<unsigned>(text.size() + 1)},
                            "end of file",
                            "a newline: the file ends inside a line, so it may have been cut short");
        if (reader.cut()) require_text(text, scenario.file, reader.number(), false);
        auto line = parse_line(text, scenario.file, reader.number());
        if (!in_scenario(line)) continue;
        line = as_scenario(std::move(line));
        if (line.step() != nullptr) validator.step(line, text);
        scenario.lines.push_back(std::move(line));
    }
    validator.finish();
    return scenario;
}

}  // namespace

bool LineReader::take_line(std::string& text) {
    text.clear();
    auto* buffer = in_.rdbuf();
    for (int c = buffer->sbumpc(); c != std::char_traits<char>::eof(); c = buffer->sbumpc()) {
        if (c == '\n') return true;
        if (text.size() == kMaxLine)
            throw TextError({file_, number_ + 1, 0}, excerpt(text),
                            "a line of at most " + size_str(kMaxLine) + " bytes");
        text += static_cast<char>(c);
    }
    cut_ = !text.empty();
    return cut_;
}

bool LineReader::next(std::string& text) {
    try {
        if (cut_ || !take_line(text)) return false;
    } catch (const std::ios_base::failure& e) {  // the file opened, but cannot be read
        throw TextError({file_, number_ + 1, 0}, e.what(), "a readable file");
    }
    ++number_;
    require_text(text, file_, number_, cut_);
    if (text.ends_with('\r')) text.pop_back();
    return true;
}

std::unique_ptr<std::istream> open_text(const std::string& path) {
    if (path == "-") return std::make_unique<std::istream>(std::cin.rdbuf());
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) throw TextError({path, 0, 0}, "a directory", "a file");
    auto in = std::make_unique<std::ifstream>(path, std::ios::binary);
    if (!*in) throw TextError({path, 0, 0}, std::strerror(errno), "a readable file");
    return in;
}

Scenario Scenario::parse(std::string_view text, std::string file) {
    std::istringstream in{std::string(text)};
    return read_lines(in, std::move(file), false);
}

Scenario Scenario::read(const std::string& path) {
    const auto in = open_text(path);
    return read_lines(*in, path == "-" ? "<stdin>" : path, true);
}

std::string Scenario::print() const {
    std::string out;
    for (const auto& line : lines) out += landfall::print(line) + '\n';
    return out;
}

std::size_t block_length(std::span<const Line> lines) {
    std::size_t n = 1;
    if (lines.front().lane == 0) return n;
    for (std::size_t i = 1; i < lines.size() && (lines[i].step() == nullptr || lines[i].lane != 0); ++i)
        if (lines[i].step() != nullptr) n = i + 1;
    return n;
}

std::vector<std::string> Scenario::devices() const {
    std::vector<std::string> out;
    for (const auto& line : lines) {
        if (line.step() == nullptr) continue;
        for (auto& name : devices_of(*line.step()))
            if (std::ranges::find(out, name) == out.end()) out.push_back(std::move(name));
    }
    return out;
}

std::string Scenario::title() const {
    for (const auto& line : lines) {
        if (line.step() != nullptr) break;
        const auto first = line.comment.find_first_not_of(" \t");
        if (first == std::string::npos) continue;
        return line.comment.substr(first, line.comment.find_last_not_of(" \t") + 1 - first);
    }
    return {};
}

}  // namespace landfall
