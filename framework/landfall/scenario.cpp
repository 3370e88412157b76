#include "landfall/scenario.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
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

// Eight characters of ASCII other than NUL: nearly always.
bool is_plain(const char* eight) {
    std::uint64_t w = 0;
    std::memcpy(&w, eight, sizeof w);
    constexpr std::uint64_t kOnes = 0x0101010101010101, kTops = kOnes << 7;
    return ((w | (w - kOnes)) & kTops) == 0;
}

void require_text(std::string_view text, const std::string& file, unsigned number, bool cut) {
    for (std::size_t i = 0; i < text.size();) {
        if (i + 8 <= text.size() && is_plain(text.data() + i)) {
            i += 8;
            continue;
        }
        const auto n = utf8_length(text, i);
        if (n == 0 && cut && may_go_on(text, i)) return;
        if (n == 0)
            throw TextError({file, number, static_cast<unsigned>(i + 1)},
                            "byte " + hex_str(static_cast<unsigned char>(text[i])), "UTF-8 text");
        i += n;
    }
}

// Standard input as it comes; std::cin is asked for every character on its own.
class StandardInput final : public std::istream {
  public:
    StandardInput() : std::istream(nullptr) { rdbuf(&buffer_); }

  private:
    class Buffer final : public std::streambuf {
        int_type underflow() override {
            ssize_t n = 0;
            do n = ::read(STDIN_FILENO, chunk_.data(), chunk_.size());
            while (n < 0 && errno == EINTR);
            if (n < 0) throw std::ios_base::failure(std::strerror(errno));
            setg(chunk_.data(), chunk_.data(), chunk_.data() + n);
            return n == 0 ? traits_type::eof() : traits_type::to_int_type(chunk_[0]);
        }
        std::array<char, 64U << 10> chunk_{};
    };
    Buffer buffer_;
};

// A file in pieces larger than the library's.
class FileInput final : public std::ifstream {
  public:
    explicit FileInput(const std::string& path) {
        rdbuf()->pubsetbuf(chunk_.data(), static_cast<std::streamsize>(chunk_.size()));
        open(path, std::ios::binary);
    }

  private:
    std::array<char, 64U << 10> chunk_{};
};

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

// What there is, and never more than a line can need: a pipe's next line may be long in coming.
bool LineReader::fill() {
    auto* buffer = in_.rdbuf();
    if (buffer->sgetc() == std::char_traits<char>::eof()) return false;
    chunk_.resize(static_cast<std::size_t>(std::clamp<std::streamsize>(buffer->in_avail(), 1, kMaxLine)));
    chunk_.resize(static_cast<std::size_t>(buffer->sgetn(chunk_.data(), static_cast<std::streamsize>(chunk_.size()))));
    taken_ = 0;
    return true;
}

bool LineReader::take_line(std::string& text) {
    text.clear();
    while (taken_ < chunk_.size() || fill()) {
        const auto rest = std::string_view(chunk_).substr(taken_);
        const auto line = rest.substr(0, rest.find('\n'));
        text += line.substr(0, kMaxLine + 1 - text.size());
        if (text.size() > kMaxLine)
            throw TextError({file_, number_ + 1, 0}, excerpt(text),
                            "a line of at most " + size_str(kMaxLine) + " bytes");
        taken_ += line.size() + 1;
        if (line.size() < rest.size()) return true;
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
    if (path == "-") return std::make_unique<StandardInput>();
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) throw TextError({path, 0, 0}, "a directory", "a file");
    auto in = std::make_unique<FileInput>(path);
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
