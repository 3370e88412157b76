#include "landfall/cursor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace landfall {
namespace {

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <class T, class Of>
constexpr std::array<T, 256> table(Of of) {
    std::array<T, 256> out{};
    for (unsigned c = 0; c < out.size(); ++c) out[c] = of(static_cast<char>(c));
    return out;
}
constexpr auto kInName = table<bool>(
    [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; });
constexpr auto kEndsToken = table<bool>([](char c) { return is_blank(c) || c == '#'; });
constexpr auto kDigit = table<std::uint8_t>([](char c) {
    const auto digit = is_digit(c)              ? c - '0'
                       : c >= 'a' && c <= 'f' ? c - 'a' + 10
                       : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                              : 255;
    return static_cast<std::uint8_t>(digit);
});

template <class T>
T look_up(const std::array<T, 256>& table, char c) {
    return table[static_cast<unsigned char>(c)];
}

// `fits`: numbers of so many digits all fit 64 bits.
template <unsigned base>
std::optional<std::uint64_t> parse_digits(std::string_view text, std::size_t fits) {
    std::uint64_t v = 0;
    if (text.empty() || text.size() > fits) {
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v, base);
        if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
        return v;
    }
    for (const char c : text) {
        const auto digit = look_up(kDigit, c);
        if (digit >= base) return std::nullopt;
        v = v * base + digit;
    }
    return v;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    if (text.size() >= 2 && text[0] == '0' && text[1] == 'x') return parse_digits<16>(text.substr(2), 16);
    return parse_digits<10>(text, 19);
}

}  // namespace

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 && is_alpha(text[0]) && std::ranges::all_of(text, [](char c) {
        return look_up(kInName, c);
    });
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    unsigned shift = 0;
    if (!text.empty() && !text.starts_with("0x")) {
        const char unit = text.back();
        shift = unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0;
        if (shift != 0) text.remove_suffix(1);
    }
    const auto v = parse_number(text);
    if (!v || (*v << shift) >> shift != *v) return std::nullopt;
    return *v << shift;
}

std::optional<IovaRange> parse_range(std::string_view text) {
    const auto plus = text.find('+');
    if (plus == std::string_view::npos) return std::nullopt;
    const auto start = parse_number(text.substr(0, plus));
    const auto length = parse_size(text.substr(plus + 1));
    if (!start || !length || *length == 0 || *start + (*length - 1) < *start) return std::nullopt;
    return IovaRange{Iova{*start}, *length};
}

std::string excerpt(std::string_view text) {
    constexpr std::size_t kShow = 60;
    std::string out;
    for (const char c : text.substr(0, kShow)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f) out += fmt::format("\\x{:02x}", byte);
        else out += c;
    }
    return text.size() > kShow ? out + "..." : out;
}

std::string_view Cursor::token_at(std::size_t position) const {
    const char *const begin = text_.data() + position, *const end = text_.data() + text_.size();
    auto at = begin;
    if (at != end && *at == '"') {
        ++at;
        while (at != end && *at != '"') at += *at == '\\' && at + 1 != end ? 2 : 1;
        if (at != end) ++at;
    } else {
        while (at != end && !look_up(kEndsToken, *at)) ++at;
    }
    return {begin, static_cast<std::size_t>(at - begin)};
}

void Cursor::find_token() {
    const char *at = text_.data() + position_, *const end = text_.data() + text_.size();
    while (at != end && is_blank(*at)) ++at;
    position_ = static_cast<std::size_t>(at - text_.data());
    token_ = at == end || *at == '#' ? std::string_view{} : token_at(position_);
}

void Cursor::take() {
    last_ = position_;
    position_ += token_.size();
    find_token();
}

void Cursor::expect(std::string_view word) {
    if (!accept(word)) fail_here(fmt::format("'{}'", word));
}

std::string_view Cursor::word(std::string_view what) {
    if (at_end()) fail_here(what);
    const auto token = token_;
    take();
    return token;
}

std::string Cursor::comment() const {
    return position_ < text_.size() ? std::string(text_.substr(position_ + 1)) : std::string{};
}

std::string Cursor::name(std::string_view what) {
    const auto token = word(what);
    if (!is_name(token)) fail(what);
    return std::string(token);
}

std::uint64_t Cursor::number(std::string_view what) {
    const auto v = parse_number(word(what));
    if (!v) fail(what);
    return *v;
}

std::uint64_t Cursor::size(std::string_view what) {
    const auto v = parse_size(word(what));
    if (!v) fail(what);
    return *v;
}

Iova Cursor::iova() { return Iova{number("an IOVA such as 0x200000")}; }

IovaRange Cursor::range() {
    constexpr std::string_view kWhat = "an IOVA range such as 0x200000+4K (not empty, not past 2^64)";
    const auto r = parse_range(word(kWhat));
    if (!r) fail(kWhat);
    return *r;
}

Access Cursor::access() {
    const auto a = Access::parse(word("r, w or rw"));
    if (!a) fail("r, w or rw");
    return *a;
}

Bdf Cursor::bdf() {
    const auto b = Bdf::parse(word("a PCI address such as 0000:00:08.0"));
    if (!b) fail("a PCI address such as 0000:00:08.0");
    return *b;
}

BufferSlice Cursor::slice() {
    constexpr std::string_view kWhat = "a buffer such as p1 or p1[0x800+2K]";
    auto token = word(kWhat);
    const auto bracket = token.find('[');
    if (bracket == std::string_view::npos) {
        if (!is_name(token)) fail(kWhat);
        return {std::string(token), std::nullopt};
    }
    const auto buffer = token.substr(0, bracket);
    auto inside = token.substr(bracket + 1);
    if (!is_name(buffer) || !inside.ends_with(']')) fail(kWhat);
    inside.remove_suffix(1);
    const auto r = parse_range(inside);
    if (!r) fail(kWhat);
    return {std::string(buffer), BufferSlice::Span{r->start.value, r->length}};
}

Nanoseconds Cursor::duration() {
    constexpr std::string_view kWhat = "a duration such as 10ms, 250us or 1s, at most 60s";
    const auto token = word(kWhat);
    const auto digits = std::min(token.find_first_not_of("0123456789"), token.size());
    const auto unit = token.substr(digits);
    const auto v = parse_number(token.substr(0, digits));
    const std::uint64_t scale = unit == "ns" ? 1 : unit == "us" ? 1'000 : unit == "ms" ? 1'000'000
                                : unit == "s" ? 1'000'000'000 : 0;
    constexpr std::uint64_t kLimit = 60'000'000'000;
    if (!v || scale == 0 || *v > kLimit / scale) fail(kWhat);
    return {*v * scale};
}

std::string Cursor::quoted() {
    const auto token = word("a quoted text");
    if (token.size() < 2 || token.front() != '"' || token.back() != '"') fail("a text in double quotes");
    std::string out;
    for (std::size_t i = 1; i + 1 < token.size(); ++i) {
        if (token[i] != '\\') {
            out += token[i];
            continue;
        }
        if (i + 2 >= token.size()) fail("a character behind the backslash");
        const char c = token[++i];
        if (c == 'x') {
            unsigned v = 0;
            const char* begin = token.data() + i + 1;
            if (i + 3 >= token.size() || std::from_chars(begin, begin + 2, v, 16).ptr != begin + 2)
                fail("two hexadecimal digits behind \\x");
            out += static_cast<char>(v);
            i += 2;
        } else if (c == '"' || c == '\\') {
            out += c;
        } else {
            fail("one of \\\\ \\\" \\xNN behind a backslash");
        }
    }
    return out;
}

void Cursor::fail(std::string_view expected) const { fail_at(last_, token_at(last_), expected); }

void Cursor::fail_here(std::string_view expected) const {
    fail_at(position_, at_end() ? std::string_view("end of line") : token_, expected);
}

void Cursor::fail_at(std::size_t position, std::string_view found, std::string_view expected) const {
    throw TextError({std::string(file_), line_, static_cast<unsigned>(position + 1)}, excerpt(found),
                    std::string(expected));
}

}  // namespace landfall
