// What a kernel promises: a pure machine that answers every control step and says what changes for devices.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "landfall/line.hpp"

namespace landfall {

/// An address space of the trace. Names are declared once in a scenario, so an id is never used again.
struct SpaceId {
    std::size_t value = 0;
    auto operator<=>(const SpaceId&) const = default;
};

/// The memory behind a mapping. `address` counts bytes from the page the buffer begins in, so a buffer with a
/// skew starts at address == skew. No name: memory of the lab that is not looked at (the staging window).
struct Backing {
    std::string buffer;
    std::uint64_t address = 0, skew = 0;
    bool operator==(const Backing&) const = default;
    [[nodiscard]] Backing operator+(std::uint64_t bytes) const { return {buffer, address + bytes, skew}; }
    /// The window the lab maps in every address space: its beacon, or the memory without a name.
    [[nodiscard]] bool is_window() const { return buffer.empty() || buffer.starts_with("beacon."); }
};

/// One mapping: what UNMAP removes as a whole.
struct Area {
    IovaRange range;
    Access access;     ///< what a device may do with it
    Access tolerated;  ///< what the page table format cannot forbid (first stage: write-only is readable)
    Backing memory;
    bool writable_pages = true;  ///< pinned for writing: a copy of the mapping may be writable
    BufferSlice::Span unpinnable{};  ///< of the memory, counted as its address: pinning fails (read-only in the process, wanted for writing)
    bool operator==(const Area&) const = default;
    [[nodiscard]] bool can_be_pinned() const { return !unpinnable.overlaps({memory.address, range.length}); }
    [[nodiscard]] std::uint64_t page_offset() const { return memory.address % kPageSize; }
};

// ---- what a step changes for devices ----------------------------------------------------------------------

struct DeviceAppeared {
    std::string device;
    std::uint32_t group = 0;
    bool operator==(const DeviceAppeared&) const = default;
};
struct SpaceMade {
    SpaceId space;
    std::string name;
    bool operator==(const SpaceMade&) const = default;
};
struct AreaMapped {
    SpaceId space;
    Area area;
    bool operator==(const AreaMapped&) const = default;
};
struct AreaUnmapped {
    SpaceId space;
    Iova start;
    bool operator==(const AreaUnmapped&) const = default;
};
/// The whole group is translated through `space` from now on; nullopt: blocked. `domain` is the name of the
/// HWPT, or of the IOAS whose automatic one it is.
struct GroupMoved {
    std::uint32_t group = 0;
    std::optional<SpaceId> space;
    std::string domain;
    bool operator==(const GroupMoved&) const = default;
};
/// What the device's owner was told last, in a model that keeps books per device: from now on `space`;
/// nullopt: nothing. It says nothing about where the device's DMA goes.
struct DeviceDeclared {
    std::string device;
    std::optional<SpaceId> space;
    std::string domain;
    bool operator==(const DeviceDeclared&) const = default;
};
/// A device may, or may no longer, put anything on the bus (bus mastering).
struct DeviceGated {
    std::string device;
    bool open = false;
    bool operator==(const DeviceGated&) const = default;
};
using Change = std::variant<DeviceAppeared, SpaceMade, AreaMapped, AreaUnmapped, GroupMoved, DeviceDeclared,
                            DeviceGated>;

// ---- the model --------------------------------------------------------------------------------------------

/// What the model expects of a step.
struct Prediction {
    std::vector<Errno> allowed;          ///< any of these is right; empty: the model has no opinion
    bool any_error = false;              ///< any errno but 0 is right
    std::optional<std::uint64_t> value;  ///< what `ok` must carry
    std::string because;                 ///< in words, for the explanation
    [[nodiscard]] bool allows(const Answer& answer) const;
    [[nodiscard]] std::string str() const;
};

/// What an UNMAP finds next, from the start of its range.
struct UnmapNext {
    enum class Kind { none, whole, cut } kind = Kind::none;  ///< cut: the range ends within it, or begins there
    IovaRange area;                                          ///< of a whole mapping
};

/// Thrown where an IOAS_COPY would leave more mappings than are followed. Each copy may double them, so a few
/// lines of a trace can ask for more than there is memory.
class TooManyMappings : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};
inline constexpr std::size_t kMostMappings = std::size_t{1} << 16;

class Model {
  public:
    virtual ~Model() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    /// Mappings in all address spaces: what a copy of the model costs.
    [[nodiscard]] virtual std::size_t mappings() const = 0;
    [[nodiscard]] virtual std::unique_ptr<Model> clone() const = 0;
    /// True if both are the same model in the same state: from here on they answer every step alike.
    [[nodiscard]] virtual bool same_state(const Model& other) const = 0;
    [[nodiscard]] virtual std::vector<Change> fact(const Fact& fact) = 0;
    /// The answer the kernel owes in the present state. It and apply() throw TooManyMappings.
    [[nodiscard]] virtual Prediction predict(const Step& step) const = 0;
    /// What is wrong with the value of an answer that predict() allows but the kernel had a choice in: an
    /// IOVA it picked, the ranges it reports. Empty: nothing.
    [[nodiscard]] virtual std::string objection(const Step& step, const Answer& answer) const = 0;
    /// Where UNMAP is not atomic but goes mapping by mapping, the first one it would come to; else `none`.
    [[nodiscard]] virtual UnmapNext next_unmapped(const Unmap& step) const = 0;
    /// COPY looks at its source first and maps what it found later. From here on this step's source is what it is now;
    /// false, and nothing changed, if it has none.
    virtual bool take_source(const IoasCopy& step) = 0;
    /// This ATTACH ran beside calls that move groups: its IOAS may have come out with more than one automatic HWPT
    /// (iommufd/device.c:939-1015), so that asking for the IOAS again need not be a NOP.
    virtual void raced(const Attach& step) = 0;
    /// Moves on to the state after the step. It follows the answer that was observed, even a wrong one, so
    /// that the next step is judged by what the kernel is likely to believe.
    [[nodiscard]] virtual std::vector<Change> apply(const Step& step, const Answer& observed) = 0;
};

/// No name: `iommufd`, or what the head of the trace says it is of (feature "type1"). Throws TextError if there is no model
/// of that name.
[[nodiscard]] std::unique_ptr<Model> make_model(std::string_view name);
[[nodiscard]] std::vector<std::string> model_names();

}  // namespace landfall
