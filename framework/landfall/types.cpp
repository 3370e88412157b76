#include "landfall/types.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace landfall {
namespace {

// Every errno iommufd, VFIO and the IOMMU core are documented to return, and what the lab itself may see.
constexpr std::array kErrnoNames{
    std::pair{EPERM, "EPERM"},           std::pair{ENOENT, "ENOENT"},       std::pair{EINTR, "EINTR"},
    std::pair{EIO, "EIO"},               std::pair{ENXIO, "ENXIO"},         std::pair{E2BIG, "E2BIG"},
    std::pair{EBADF, "EBADF"},           std::pair{EAGAIN, "EAGAIN"},       std::pair{ENOMEM, "ENOMEM"},
    std::pair{EACCES, "EACCES"},         std::pair{EFAULT, "EFAULT"},       std::pair{EBUSY, "EBUSY"},
    std::pair{EEXIST, "EEXIST"},         std::pair{ENODEV, "ENODEV"},       std::pair{EINVAL, "EINVAL"},
    std::pair{EMFILE, "EMFILE"},         std::pair{ENOTTY, "ENOTTY"},       std::pair{ENOSPC, "ENOSPC"},
    std::pair{ERANGE, "ERANGE"},         std::pair{EDEADLK, "EDEADLK"},     std::pair{ENOSYS, "ENOSYS"},
    std::pair{EMSGSIZE, "EMSGSIZE"},     std::pair{EOVERFLOW, "EOVERFLOW"}, std::pair{EBADFD, "EBADFD"},
    std::pair{EOPNOTSUPP, "EOPNOTSUPP"}, std::pair{ENOBUFS, "ENOBUFS"},     std::pair{ETIMEDOUT, "ETIMEDOUT"},
    std::pair{EADDRINUSE, "EADDRINUSE"}, std::pair{ECANCELED, "ECANCELED"},
};

template <class T>
bool parse_hex(std::string_view text, std::size_t digits, T limit, T& out) {
    if (text.size() != digits) return false;
    std::uint32_t v = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v, 16);
    if (ec != std::errc{} || end != text.data() + text.size() || v > limit) return false;
    out = static_cast<T>(v);
    return true;
}

}  // namespace

std::string Bdf::str() const { return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", domain, bus, device, function); }

std::optional<Bdf> Bdf::parse(std::string_view text) {
    Bdf b;
    if (text.size() > 8) {
        const auto colon = text.find(':');
        if (colon == std::string_view::npos || colon < 4 || colon > 8) return std::nullopt;
        if (!parse_hex(text.substr(0, colon), colon, 0xffffffffU, b.domain)) return std::nullopt;
        text.remove_prefix(colon + 1);
    }
    if (text.size() != 7 || text[2] != ':' || text[5] != '.') return std::nullopt;
    if (!parse_hex(text.substr(0, 2), 2, std::uint8_t{0xff}, b.bus) ||
        !parse_hex(text.substr(3, 2), 2, std::uint8_t{0x1f}, b.device) ||
        !parse_hex(text.substr(6, 1), 1, std::uint8_t{7}, b.function))
        return std::nullopt;
    return b;
}

std::string Errno::str() const {
    for (const auto& [number, name] : kErrnoNames)
        if (number == value) return name;
    return fmt::format("errno-{}", value);
}

std::optional<Errno> Errno::parse(std::string_view text) {
    for (const auto& [number, name] : kErrnoNames)
        if (text == name) return Errno{number};
    constexpr std::string_view kPrefix = "errno-";
    if (!text.starts_with(kPrefix)) return std::nullopt;
    text.remove_prefix(kPrefix.size());
    int v = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v);
    if (ec != std::errc{} || end != text.data() + text.size() || v <= 0 || v > 4095) return std::nullopt;
    return Errno{v};
}

std::string Access::str() const { return std::string(read ? "r" : "") + (write ? "w" : ""); }

std::optional<Access> Access::parse(std::string_view text) {
    if (text == "r") return Access{true, false};
    if (text == "w") return Access{false, true};
    if (text == "rw") return Access{true, true};
    return std::nullopt;
}

std::string size_str(std::uint64_t bytes) {
    if (bytes >= 1ULL << 40) return hex_str(bytes);  // easier to read than billions of kilobytes
    constexpr std::array kUnits{std::pair{30, 'G'}, std::pair{20, 'M'}, std::pair{10, 'K'}};
    for (const auto& [shift, unit] : kUnits)
        if (bytes != 0 && bytes % (1ULL << shift) == 0) return fmt::format("{}{}", bytes >> shift, unit);
    return fmt::format("{}", bytes);
}

std::string hex_str(std::uint64_t value) { return fmt::format("{:#x}", value); }

std::string duration_str(Nanoseconds t) {
    if (t.value % 1'000'000'000 == 0) return fmt::format("{}s", t.value / 1'000'000'000);
    if (t.value % 1'000'000 == 0) return fmt::format("{}ms", t.value / 1'000'000);
    if (t.value % 1'000 == 0) return fmt::format("{}us", t.value / 1'000);
    return fmt::format("{}ns", t.value);
}

}  // namespace landfall
