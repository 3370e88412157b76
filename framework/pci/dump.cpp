#include "dump.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "landfall/error.hpp"
#include "landfall/scenario.hpp"

namespace landfall {
namespace {

constexpr std::size_t kConfigSize = 4096;
constexpr std::uint32_t kMaxDomain = 0xfffff;  // five digits are what libpci 3.9 reads
constexpr std::string_view kDriver = "\tKernel driver in use: ", kGroup = "\tIOMMU group: ";

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

template <class T>
std::optional<T> number(std::string_view text, int base) {
    T value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

class DumpReader {
  public:
    DumpReader(std::istream& in, const std::string& file) : lines_(in, file), file_(file) {}

    Dump read() {
        std::string text;
        while (lines_.next(text)) take(text);
        close();
        if (dump_.notes.empty()) throw TextError({file_, 0, 0}, "", "the output of lspci -xxxx");
        return std::move(dump_);
    }

  private:
    [[noreturn]] void fail(std::size_t column, std::string_view found, const std::string& expected) const {
        throw TextError({file_, lines_.number(), static_cast<unsigned>(column + 1)},
                        std::string(found.substr(0, 40)), expected);
    }

    void take(std::string_view line) {
        if (line.empty()) return close();
        if (const auto space = line.find(' '); space != std::string_view::npos) {
            if (const auto bdf = Bdf::parse(line.substr(0, space))) return open(*bdf, line);
        }
        const auto colon = std::find_if_not(line.begin(), line.end(), is_hex) - line.begin();
        if (colon >= 2 && line.substr(colon).starts_with(": ")) return bytes(line, colon);
        if (note_ != nullptr) remark(line);
    }

    void open(Bdf bdf, std::string_view line) {
        close();
        if (bdf.domain > kMaxDomain) fail(0, line, "a PCI domain of at most five digits");
        const auto [at, fresh] = dump_.notes.try_emplace(bdf);
        if (!fresh) fail(0, bdf.str(), "every function once");
        note_ = &at->second;
        bdf_ = bdf;
        opened_ = lines_.number();
        size_ = 0;
        dump_.hex += bdf.str() + " \n";
    }

    void close() {
        if (note_ == nullptr) return;
        note_ = nullptr;
        dump_.hex += '\n';
        constexpr std::array<std::size_t, 4> kWhole{64, 128, 256, kConfigSize};  // 128: CardBus bridges
        if (std::ranges::find(kWhole, size_) != kWhole.end()) return;
        throw TextError({file_, opened_, 1},
                        fmt::format("{} with {} bytes of config space", bdf_.str(), size_),
                        "64, 256 or 4096 of them: the whole output of lspci -x, -xxx or -xxxx");
    }

    void bytes(std::string_view line, std::size_t colon) {
        if (note_ == nullptr) fail(0, line, "a function's address before its bytes");
        const auto offset = number<std::size_t>(line.substr(0, colon), 16);
        if (offset != size_) fail(0, line.substr(0, colon), fmt::format("offset {:02x}", size_));
        dump_.hex += fmt::format("{:02x}:", size_);
        for (std::size_t at = colon + 1; at < line.size(); at += 3) {
            const auto byte = line.substr(at, 3);
            if (byte.size() != 3 || byte[0] != ' ' || !is_hex(byte[1]) || !is_hex(byte[2]))
                fail(at, byte, "a space and a byte in two hex digits");
            if (++size_ > kConfigSize) fail(at, byte, "at most 4096 bytes of config space");
            if (at > colon + 16 * 3) fail(at, byte, "at most 16 bytes a line");
            dump_.hex += byte;
        }
        dump_.hex += '\n';
    }

    void remark(std::string_view line) {
        if (line.starts_with(kDriver)) {
            const auto driver = line.substr(kDriver.size());
            const auto plain = [](char c) { return c > ' ' && c < 0x7f && c != '/'; };
            if (driver.empty() || !std::ranges::all_of(driver, plain))
                fail(kDriver.size(), driver, "the name of a driver");
            note_->driver = driver;
        } else if (line.starts_with(kGroup)) {
            note_->group = number<std::uint32_t>(line.substr(kGroup.size()), 10);
            if (!note_->group) fail(kGroup.size(), line.substr(kGroup.size()), "a group number");
        }
    }

    LineReader lines_;
    std::string file_;
    Dump dump_;
    DumpNote* note_ = nullptr;  // of the function that is open
    Bdf bdf_;
    unsigned opened_ = 0;   // the line it began at
    std::size_t size_ = 0;  // bytes of it so far
};

}  // namespace

Dump read_dump(std::istream& in, const std::string& file) { return DumpReader(in, file).read(); }

}  // namespace landfall
