#include "report/columns.hpp"

namespace landfall {
namespace {

std::string base64(std::string_view bytes) {
    constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t n) {
            return i + n < bytes.size() ? static_cast<unsigned>(static_cast<unsigned char>(bytes[i + n]))
                                        : 0U;
        };
        const auto three = byte(0) << 16U | byte(1) << 8U | byte(2);
        for (unsigned n = 0; n < 4; ++n)
            out += i + n <= bytes.size() ? kLetters[three >> (18 - 6 * n) & 63U] : '=';
    }
    return out;
}

}  // namespace

void Column::add(std::int64_t value) {
    const auto difference = static_cast<std::uint64_t>(value) - last_;
    auto rest = difference << 1U ^ (difference >> 63U != 0 ? ~0ULL : 0ULL);
    for (; rest >= 0x80; rest >>= 7U) bytes_ += static_cast<char>(rest | 0x80U);
    bytes_ += static_cast<char>(rest);
    constant_ = constant_ && (empty_ || difference == 0);
    if (empty_) first_ = value;
    empty_ = false;
    last_ = static_cast<std::uint64_t>(value);
}

nlohmann::json Column::json() const {
    if (constant_) return first_;
    return base64(bytes_);
}

std::int32_t Texts::add(const std::string& text) {
    if (text.empty()) return kNone;
    const auto [it, fresh] = numbers_.try_emplace(text, static_cast<std::int32_t>(all_.size()));
    if (fresh) all_.push_back(text);
    return it->second;
}

}  // namespace landfall
