// One alternative per verb of the scenario language. docs/scenarios.md is the prose to this header.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "landfall/types.hpp"

namespace landfall {

/// `require KIND NAME...`: what the rig must have, else the scenario is skipped with a reason.
struct Require {
    enum class Kind { same_group, different_groups, engine, feature };
    Kind kind{};
    std::vector<std::string> names;  ///< devices; for engine: device, engine; for feature: the feature
    bool operator==(const Require&) const = default;
};

/// `buffer NAME SIZE [huge] [scattered] [memfd] [ro | ro[OFFSET+LENGTH]] [skew N]`: memory of the lab, filled with a pattern all its own.
struct Buffer {
    std::string name;
    std::uint64_t size = 0;  ///< bytes
    bool huge = false;       ///< one hugetlb allocation, 2 MiB aligned
    bool memfd = false;      ///< backed by a file, so that map-file can name it
    std::optional<BufferSlice::Span> read_only{};  ///< whole pages of it, PROT_READ only: mapping them writable must fail
    std::uint64_t skew = 0;  ///< bytes the start lies past a page boundary
    bool scattered = false;  ///< neighbouring pages are none in memory
    bool operator==(const Buffer&) const = default;
    [[nodiscard]] BufferSlice::Span whole() const { return {0, size}; }
    /// Mapping these bytes for writing fails.
    [[nodiscard]] bool forbids_writing(const BufferSlice::Span& bytes) const { return read_only && read_only->overlaps(bytes); }
};

/// `ioas NAME [bare]`: a new IOAS; `bare` leaves the staging window out.
struct Ioas {
    std::string name;
    bool bare = false;
    bool operator==(const Ioas&) const = default;
};

/// `hwpt NAME IOAS DEVICE`: an explicit hardware page table of the IOAS, made for the device's IOMMU.
struct Hwpt {
    std::string name, ioas, device;
    bool operator==(const Hwpt&) const = default;
};

/// `map IOAS IOVA|auto BUFFER ACCESS` and `map-file ...`, which maps the buffer's memfd instead of its address.
struct Map {
    std::string ioas;
    std::optional<Iova> iova;  ///< nullopt: the kernel chooses
    BufferSlice memory;
    Access access;
    bool file = false;
    bool operator==(const Map&) const = default;
};

/// `ioas-copy DST IOVA|auto SRC RANGE ACCESS`: the same pages in a second place (IOMMU_IOAS_COPY).
struct IoasCopy {
    std::string destination;
    std::optional<Iova> iova;
    std::string source;
    IovaRange range;
    Access access;
    bool operator==(const IoasCopy&) const = default;
};

/// `unmap IOAS RANGE|all`.
struct Unmap {
    std::string ioas;
    std::optional<IovaRange> range;  ///< nullopt: everything
    bool operator==(const Unmap&) const = default;
};

/// `attach DEVICE DOMAIN` and `replace DEVICE DOMAIN`: one ioctl; the word says what the writer believes.
struct Attach {
    std::string device, domain;
    bool replace = false;
    bool operator==(const Attach&) const = default;
};

/// `detach DEVICE`.
struct Detach {
    std::string device;
    bool operator==(const Detach&) const = default;
};

/// `destroy NAME`: an IOAS or HWPT.
struct Destroy {
    std::string object;
    bool operator==(const Destroy&) const = default;
};

/// `open DEVICE` (bind it to iommufd), `close DEVICE`, `reset DEVICE` (VFIO_DEVICE_RESET).
struct DeviceControl {
    enum class Verb { open, close, reset };
    Verb verb{};
    std::string device;
    bool operator==(const DeviceControl&) const = default;
};

/// `ranges IOAS`: IOMMU_IOAS_IOVA_RANGES.
struct Ranges {
    std::string ioas;
    bool operator==(const Ranges&) const = default;
};

/// `allow IOAS RANGE...`: IOMMU_IOAS_ALLOW_IOVAS.
struct Allow {
    std::string ioas;
    std::vector<IovaRange> ranges;
    bool operator==(const Allow&) const = default;
};

/// `option IOAS huge-pages on|off`.
struct Option {
    std::string ioas;
    bool huge_pages = true;
    bool operator==(const Option&) const = default;
};

/// What a DMA is asked to do. `write` and `read` are copies from and to the staging window.
struct DmaRequest {
    enum class Verb { write, read, copy };
    std::string device;
    Verb verb{};
    IovaRange range;             ///< write: destination; read and copy: source
    std::optional<Iova> target;  ///< copy: destination
    bool operator==(const DmaRequest&) const = default;
};

/// `dma DEVICE write|read RANGE`, `dma DEVICE copy RANGE to IOVA`: one DMA, waited for.
struct Dma {
    DmaRequest request;
    bool operator==(const Dma&) const = default;
};

/// `start DEVICE ...` rings the doorbell of one DMA and returns; `wait DEVICE` sees it through.
struct Start {
    DmaRequest request;
    bool operator==(const Start&) const = default;
};
struct Wait {
    std::string device;
    bool operator==(const Wait&) const = default;
};

/// `pump DEVICE ... [by SIZE [deep N]] [every DURATION]` repeats a DMA in the background until `halt DEVICE`; each one is an
/// event of the trace. With `by` it walks through its range, piece by piece and over again.
struct Pump {
    DmaRequest request;
    std::uint64_t by = 0;   ///< bytes of a piece, of which the range is a multiple; 0: the range at once
    unsigned deep = 1;      ///< DMAs under way, at most; a device that can do fewer does fewer
    Nanoseconds every{};    ///< from the start of one to the start of the next, at least
    [[nodiscard]] std::uint64_t pieces() const { return by == 0 ? 1 : request.range.length / by; }
    /// The n-th DMA from the start.
    [[nodiscard]] DmaRequest piece(std::uint64_t n) const;
    /// What a device can do of these it can do of all: lengths are the same, distances too.
    [[nodiscard]] std::vector<DmaRequest> typical() const { return {piece(0), piece(1), piece(pieces() - 1)}; }
    bool operator==(const Pump&) const = default;
};
struct Halt {
    std::string device;
    bool operator==(const Halt&) const = default;
};

/// `view DEVICE`: reads the beacon every IOAS maps at one IOVA, so tells which IOAS the device's DMA goes through.
struct View {
    std::string device;
    bool operator==(const View&) const = default;
};

/// `sleep 10ms`.
struct Sleep {
    Nanoseconds duration;
    bool operator==(const Sleep&) const = default;
};

/// `witness`: all memory of the machine is searched for what DMA left outside the lab's pages, as it is at the end.
struct Witness {
    bool operator==(const Witness&) const = default;
};

using Step = std::variant<Require, Buffer, Ioas, Hwpt, Map, IoasCopy, Unmap, Attach, Detach, Destroy,
                          DeviceControl, Ranges, Allow, Option, Dma, Start, Wait, Pump, Halt, View, Sleep,
                          Witness>;

/// False for steps after which every device sees what it saw before: those that do DMA, look or wait.
[[nodiscard]] bool moves_views(const Step& step);

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace landfall
