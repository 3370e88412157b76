// The words every part of Landfall shares: addresses, ranges, names of things on a rig.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace landfall {

/// An I/O virtual address: what a device puts on the bus, in bytes.
struct Iova {
    std::uint64_t value = 0;
    auto operator<=>(const Iova&) const = default;
    friend Iova operator+(Iova a, std::uint64_t n) { return {a.value + n}; }
    friend std::uint64_t operator-(Iova a, Iova b) { return a.value - b.value; }
};

/// Half-open range of IOVAs: `length` bytes from `start`. The last byte never wraps (the parser sees to it).
struct IovaRange {
    Iova start;
    std::uint64_t length = 0;
    auto operator<=>(const IovaRange&) const = default;
    [[nodiscard]] Iova last() const { return start + (length - 1); }
    [[nodiscard]] bool contains(Iova a) const { return a >= start && a - start < length; }
    [[nodiscard]] bool contains(const IovaRange& o) const { return contains(o.start) && contains(o.last()); }
    [[nodiscard]] bool overlaps(const IovaRange& o) const {
        return start <= o.last() && o.start <= last();
    }
};

/// Nanoseconds since the program on the rig started (CLOCK_MONOTONIC of the rig).
struct Nanoseconds {
    std::uint64_t value = 0;
    auto operator<=>(const Nanoseconds&) const = default;
};

/// A closed interval of time: the thing happened at some instant of [begin, end].
struct Interval {
    Nanoseconds begin, end;
    auto operator<=>(const Interval&) const = default;
    [[nodiscard]] bool overlaps(const Interval& o) const { return begin <= o.end && o.begin <= end; }
};

/// Domain:bus:device.function, also the requester id a DMA carries on the bus (PCIe 6.0 section 2.2.6.2).
struct Bdf {
    std::uint32_t domain = 0;
    std::uint8_t bus = 0, device = 0, function = 0;
    auto operator<=>(const Bdf&) const = default;
    [[nodiscard]] std::string str() const;
    /// Accepts "0000:00:08.1" and "00:08.1"; nullopt for anything else.
    static std::optional<Bdf> parse(std::string_view text);
};

/// An errno value as the kernel returned it; 0 is success.
struct Errno {
    int value = 0;
    auto operator<=>(const Errno&) const = default;
    [[nodiscard]] bool ok() const { return value == 0; }
    /// "EINVAL"; "errno-N" for a number without a name.
    [[nodiscard]] std::string str() const;
    static std::optional<Errno> parse(std::string_view text);
};

/// What a mapping, or a DMA, does to memory as seen from the device.
struct Access {
    bool read = false, write = false;
    auto operator<=>(const Access&) const = default;
    [[nodiscard]] std::string str() const;  ///< "r", "w", "rw"
    static std::optional<Access> parse(std::string_view text);
    [[nodiscard]] bool allows(Access wanted) const {
        return (read || !wanted.read) && (write || !wanted.write);
    }
};

/// Bytes of a named buffer. Without `span` the whole buffer is meant.
struct BufferSlice {
    struct Span {
        std::uint64_t offset = 0, length = 0;
        auto operator<=>(const Span&) const = default;
        [[nodiscard]] bool overlaps(const Span& o) const { return offset < o.offset + o.length && o.offset < offset + length; }
    };
    std::string buffer;
    std::optional<Span> span;
    auto operator<=>(const BufferSlice&) const = default;
};

/// An address of the machine's own memory: guest-physical, where the machine is virtual.
struct GuestAddress {
    std::uint64_t value = 0;
    auto operator<=>(const GuestAddress&) const = default;
    friend GuestAddress operator+(GuestAddress a, std::uint64_t n) { return {a.value + n}; }
    friend std::uint64_t operator-(GuestAddress a, GuestAddress b) { return a.value - b.value; }
};

/// `length` bytes of it from `start`.
struct GuestRange {
    GuestAddress start;
    std::uint64_t length = 0;
    auto operator<=>(const GuestRange&) const = default;
    [[nodiscard]] GuestAddress end() const { return start + length; }
};

inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr std::uint64_t kHugePage = 2U << 20U;

[[nodiscard]] constexpr std::uint64_t align_down(std::uint64_t v, std::uint64_t a) { return v - v % a; }
[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t v, std::uint64_t a) {
    return align_down(v + a - 1, a);
}

/// "4K", "1M", "100": the shortest exact form, which the parser reads back.
[[nodiscard]] std::string size_str(std::uint64_t bytes);
/// "0x200000".
[[nodiscard]] std::string hex_str(std::uint64_t value);
/// "10ms", "250us", "7ns".
[[nodiscard]] std::string duration_str(Nanoseconds t);

}  // namespace landfall
