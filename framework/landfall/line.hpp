// One grammar for scenario and trace: a line is a step, with times in front and an outcome behind once it ran.
//
//   line     = [times] [body] [ "=>" expectation ] [ "=>" outcome ] [ "#" comment ]
//   times    = "@" ns                 an event's latest possible time
//            | "@" ns "@" ns          the closed interval in which a step ran
//   body     = [ "lane" N ":" ] step | fact | "!" event
//
// Consecutive steps with a lane in front are a block: each lane takes its own steps in order, the lanes run side by
// side, and the next step without a lane waits for all of them. In a trace the steps of a block stand in the order in
// which they ended.
//
// A timed step always ends in its outcome; an expectation, if the scenario had one, stands before it. Strip the
// times and the last "=>" and the scenario is back: every trace is a reproducer.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "landfall/step.hpp"

namespace landfall {

// ---- outcomes -------------------------------------------------------------------------------------------------

/// The kernel's answer to a control step: `ok`, `ok 0x1000`, `ok 0x0+4K ...`, `EINVAL`.
struct Answer {
    Errno error;
    std::optional<std::uint64_t> value;  ///< unmap: bytes removed; map auto: the IOVA chosen
    std::vector<IovaRange> ranges;       ///< of `ranges`
    bool operator==(const Answer&) const = default;
};

/// Consecutive bytes of a DMA and the one place they went to or came from. No slice: nowhere the lab can see.
struct Segment {
    std::optional<BufferSlice> place;
    std::uint64_t length = 0;  ///< bytes; 0 in an expectation: any
    bool operator==(const Segment&) const = default;
};

/// What became of one DMA.
///   write: `done seq 7 lands p2`, `done seq 8 nowhere`   read: `done seq 9 from p1`, `done seq 9 nothing`
///   copy:  `done seq 3 from p1 lands p2`
/// A torn DMA lists its pieces in order: `lands p1[0x0+1K] nowhere+3K`. `also` names bytes of it seen in a further
/// place. In an expectation `status` and `seq` may be missing and a bare buffer name stands for any bytes of it.
struct Landing {
    /// What the device says: it finished, it reported an error, or it said nothing within the limit.
    enum class Status { done, error, timeout };
    std::optional<Status> status;
    std::optional<std::uint64_t> seq;
    std::vector<Segment> from, lands, also;  ///< from: reads and copies; lands, also: writes and copies
    bool operator==(const Landing&) const = default;
};

/// `sees one`, `sees nothing`: the IOAS a device's DMA was found to go through.
struct Sighting {
    std::optional<std::string> ioas;
    bool operator==(const Sighting&) const = default;
};

/// `unmet "reason"`: a `require` this rig does not fulfil. The scenario ends there, as a skip.
struct Unmet {
    std::string reason;
    bool operator==(const Unmet&) const = default;
};

/// `broken "reason"`: the lab could not carry the step out. Never a pass, never a finding.
struct Broken {
    std::string reason;
    bool operator==(const Broken&) const = default;
};

using Outcome = std::variant<Answer, Landing, Sighting, Unmet, Broken>;

// ---- facts and events -----------------------------------------------------------------------------------------

/// `device a 0000:00:08.0 1234:11e8 group 2 engine edu [alias 0000:02:00.0]`. `name` is "-" for a member of the
/// group that the scenario does not name; `alias` is the requester id its DMA carries when that is not its own.
struct DeviceFact {
    std::string name;
    Bdf bdf;
    std::uint16_t vendor = 0, device = 0;
    std::uint32_t group = 0;
    std::string engine;  ///< "-" if none drives it
    std::optional<Bdf> alias;
    bool operator==(const DeviceFact&) const = default;
};

/// `staging 0x70000000+1M`: the window every IOAS that is not bare maps before anything else.
struct StagingFact {
    IovaRange range;
    bool operator==(const StagingFact&) const = default;
};

/// `reserved 2 0xfee00000+1M`: IOVAs of an iommu_group that cannot be mapped while a member is attached.
struct ReservedFact {
    std::uint32_t group = 0;
    IovaRange range;
    bool operator==(const ReservedFact&) const = default;
};

/// `rig NAME`, `kernel RELEASE`, `iommu KIND`, `feature NAME`: anything else worth knowing, one word and a value.
struct TextFact {
    std::string key, value;
    bool operator==(const TextFact&) const = default;
};

/// `end N`: the run came to its end after N steps. A trace without it was cut short.
struct EndFact {
    std::uint64_t steps = 0;
    bool operator==(const EndFact&) const = default;
};

using Fact = std::variant<DeviceFact, StagingFact, ReservedFact, TextFact, EndFact>;

/// `! fault 0000:00:08.1 write 0x300000 [reason 0x5]`: the IOMMU says it blocked a DMA, at or before the time.
struct FaultEvent {
    Bdf requester;
    Access access;  ///< read or write, never both; neither when the IOMMU does not say
    Iova address;
    std::optional<std::uint32_t> reason;
    bool operator==(const FaultEvent&) const = default;
};

/// `! kernel "WARNING: ..."`: the kernel complains about itself.
struct KernelEvent {
    std::string text;
    bool operator==(const KernelEvent&) const = default;
};

/// `guest 0x1234000+4K seq 7 "page table"`: memory of the machine that is not the lab's, the number of the stamps that
/// were found in it, and what it was in use for by then.
struct GuestPlace {
    GuestRange range;
    std::uint64_t seq = 0;
    std::string use;
    bool operator==(const GuestPlace&) const = default;
};

/// `! stray p1[0x10+8]`: bytes of the lab's memory that changed since the last sweep and no known DMA wrote.
/// `! stray guest 0x1234000+4K seq 7 "page table"`: bytes of DMA in memory that is not the lab's.
struct StrayEvent {
    std::variant<BufferSlice, GuestPlace> place;
    bool operator==(const StrayEvent&) const = default;
};

/// `! dma b write 0x200000+4K => done seq 9 lands p1`: one DMA of a pump. `! dma b write 0x200000+4K times 200 => ...`: so many
/// of them within these times, each with this outcome. No step that moves_views() ran meanwhile, so what is right of one is
/// right of all. `seq` is of the first.
struct DmaEvent {
    static constexpr std::uint64_t kMostTimes = 1'000'000'000;
    DmaRequest request;
    std::uint64_t times = 1;
    bool operator==(const DmaEvent&) const = default;
};

/// `! lab "the guest's channel closed"`: the lab lost something; what follows cannot be trusted to be whole.
struct LabEvent {
    std::string text;
    bool operator==(const LabEvent&) const = default;
};

using Event = std::variant<FaultEvent, KernelEvent, StrayEvent, DmaEvent, LabEvent>;

// ---- the line -------------------------------------------------------------------------------------------------

struct Line {
    unsigned number = 0;  ///< 1-based line in its file; not part of the text
    unsigned lane = 0;    ///< of a step that runs beside others, 1 to kMaxLane; 0: on its own
    std::optional<Interval> when;
    std::variant<std::monostate, Step, Fact, Event> body;
    std::optional<Outcome> expected, observed;
    std::string comment;  ///< text behind '#', without it
    bool operator==(const Line& o) const {
        return lane == o.lane && when == o.when && body == o.body && expected == o.expected && observed == o.observed &&
               comment == o.comment;
    }
    [[nodiscard]] const Step* step() const { return std::get_if<Step>(&body); }
    [[nodiscard]] const Fact* fact() const { return std::get_if<Fact>(&body); }
    [[nodiscard]] const Event* event() const { return std::get_if<Event>(&body); }
};

/// Lanes a block may have.
inline constexpr unsigned kMaxLane = 16;

/// Longest line the parser looks at; anything longer is an error, never a buffer.
inline constexpr std::size_t kMaxLine = 64 * 1024;

/// Parses one line (no newline in it). Throws TextError with `file`, `number` and the column.
[[nodiscard]] Line parse_line(std::string_view text, const std::string& file, unsigned number);

/// Canonical text, no newline. parse_line(print(l)) == l for every l that parse_line can return.
[[nodiscard]] std::string print(const Line& line);
[[nodiscard]] std::string print(const Step& step);
[[nodiscard]] std::string print(const Fact& fact);
[[nodiscard]] std::string print(const Event& event);
[[nodiscard]] std::string print(const Outcome& outcome);
[[nodiscard]] std::string print(const DmaRequest& request);
[[nodiscard]] std::string print(const BufferSlice& slice);
[[nodiscard]] std::string print(const IovaRange& range);
[[nodiscard]] std::string print(const GuestRange& range);
[[nodiscard]] std::string print(const GuestPlace& place);
[[nodiscard]] std::string quote(std::string_view text);

/// False for what only a run adds: facts and events. A comment behind one is somebody's note and stays.
[[nodiscard]] bool in_scenario(const Line& line);

/// Reduces a line of a trace to the scenario it came from: no times, no observed outcome; facts and events vanish
/// into an empty line.
[[nodiscard]] Line as_scenario(Line line);

/// True if an outcome is one the expectation allows. Both must be of one kind; see Landing for what a bare name means.
[[nodiscard]] bool fulfils(const Outcome& observed, const Outcome& expected);

}  // namespace landfall
