#include <fmt/format.h>

#include <utility>

#include "landfall/cursor.hpp"
#include "landfall/line.hpp"
#include "landfall/step_parse.hpp"

namespace landfall {
namespace {

// ---- facts and events -----------------------------------------------------------------------------------------

std::uint16_t parse_id(std::string_view text, const Cursor& in) {
    const auto v = parse_size("0x" + std::string(text));
    if (text.size() != 4 || !v) in.fail("a PCI id such as 8086:10c9");
    return static_cast<std::uint16_t>(*v);
}

std::uint32_t small_number(Cursor& in, std::string_view what) {
    const auto v = in.number(what);
    if (v > 0xffffffffU) in.fail(what);
    return static_cast<std::uint32_t>(v);
}

Fact parse_device_fact(Cursor& in) {
    DeviceFact f;
    f.name = in.accept("-") ? "-" : in.name("a device name");
    f.bdf = in.bdf();
    const auto id = in.word("a PCI id such as 8086:10c9");
    if (id.size() != 9 || id[4] != ':') in.fail("a PCI id such as 8086:10c9");
    f.vendor = parse_id(id.substr(0, 4), in);
    f.device = parse_id(id.substr(5), in);
    in.expect("group");
    f.group = small_number(in, "an iommu_group number");
    in.expect("engine");
    f.engine = in.accept("-") ? "-" : in.name("an engine name");
    if (in.accept("alias")) f.alias = in.bdf();
    return f;
}

std::optional<Fact> parse_fact(std::string_view word, Cursor& in) {
    if (word == "device") return parse_device_fact(in);
    if (word == "staging") return StagingFact{in.range()};
    if (word == "end") return EndFact{in.number("the number of steps")};
    if (word == "reserved") {
        const auto group = small_number(in, "an iommu_group number");
        return ReservedFact{group, in.range()};
    }
    for (const std::string_view key : {"rig", "kernel", "iommu", "feature", "landfall"})
        if (word == key) return TextFact{std::string(key), in.quoted()};
    return std::nullopt;
}

// A buffer may be named "guest"; then nothing comes behind it.
StrayEvent parse_stray(Cursor& in) {
    if (!in.accept("guest")) return {in.slice()};
    if (in.at_end()) return {BufferSlice{"guest", std::nullopt}};
    GuestPlace place;
    const auto range = in.range();
    place.range = {{range.start.value}, range.length};
    in.expect("seq");
    place.seq = in.number("a sequence number");
    place.use = in.quoted();
    return {std::move(place)};
}

DmaEvent parse_dma_event(Cursor& in) {
    DmaEvent e{parse_dma(in)};
    if (!in.accept("times")) return e;
    constexpr auto kTimes = "how many DMAs there were, 2 to 1000000000";
    e.times = in.number(kTimes);
    if (e.times < 2 || e.times > DmaEvent::kMostTimes) in.fail(kTimes);
    return e;
}

Event parse_event(Cursor& in) {
    constexpr std::string_view kKinds = "fault, kernel, stray, dma or lab";
    const auto kind = in.word(kKinds);
    if (kind == "dma") return parse_dma_event(in);
    if (kind == "kernel") return KernelEvent{in.quoted()};
    if (kind == "lab") return LabEvent{in.quoted()};
    if (kind == "stray") return parse_stray(in);
    if (kind != "fault") in.fail(kKinds);
    FaultEvent e;
    e.requester = in.bdf();
    const auto what = in.word("read, write or access");
    if (what != "read" && what != "write" && what != "access") in.fail("read, write or access");
    e.access = {what == "read", what == "write"};
    e.address = in.iova();
    if (in.accept("reason")) e.reason = small_number(in, "a fault reason");
    return e;
}

// ---- outcomes -------------------------------------------------------------------------------------------------

bool landing_keyword(std::string_view w) {
    return w == "from" || w == "lands" || w == "also" || w == "nowhere" || w == "nothing" || w == "seq";
}

// "nowhere+4K" with `gap` "nowhere": bytes without a place; empty where there can be none.
bool is_gap(std::string_view token, std::string_view gap) {
    return !gap.empty() && token.size() > gap.size() && token.starts_with(gap) && token[gap.size()] == '+';
}

Segment parse_segment(Cursor& in, std::string_view gap) {
    if (!is_gap(in.peek(), gap)) {
        auto slice = in.slice();
        const auto length = slice.span ? slice.span->length : 0;
        return {std::move(slice), length};
    }
    const auto length = parse_size(in.word("a gap").substr(gap.size() + 1));
    if (!length || *length == 0) in.fail(fmt::format("{}+N, the bytes that are missing", gap));
    return {std::nullopt, *length};
}

std::vector<Segment> parse_segments(Cursor& in, std::string_view gap) {
    std::vector<Segment> out;
    while (!in.at_clause_end() && (out.empty() || !landing_keyword(in.peek())))
        out.push_back(parse_segment(in, gap));
    if (out.empty()) in.fail_here("a buffer");
    if (out.size() == 1 && !out[0].place) in.fail(fmt::format("'{}' alone when no byte has a place", gap));
    return out;
}

Landing parse_landing(Cursor& in) {
    Landing l;
    if (in.accept("done")) l.status = Landing::Status::done;
    else if (in.accept("error")) l.status = Landing::Status::error;
    else if (in.accept("timeout")) l.status = Landing::Status::timeout;
    if (in.accept("seq")) l.seq = in.number("a sequence number");
    if (in.accept("nothing")) l.from = {Segment{}};
    else if (in.accept("from")) l.from = parse_segments(in, "nothing");
    if (in.accept("nowhere")) l.lands = {Segment{}};
    else if (in.accept("lands")) l.lands = parse_segments(in, "nowhere");
    if (in.accept("also")) l.also = parse_segments(in, "");
    return l;
}

Outcome parse_answer(Cursor& in) {
    constexpr std::string_view kWhat =
        "ok, an errno such as EINVAL, lands, nowhere, from, nothing, sees, unmet or broken";
    const auto token = in.word(kWhat);
    if (token != "ok") {
        const auto error = Errno::parse(token);
        if (!error) in.fail(kWhat);
        return Answer{*error, std::nullopt, {}};
    }
    Answer a;
    while (!in.at_clause_end()) {
        if (in.peek().find('+') != std::string_view::npos) a.ranges.push_back(in.range());
        else if (!a.value && a.ranges.empty()) a.value = in.number("a value or a range");
        else in.fail_here("a range or the end of the outcome");
    }
    return a;
}

Outcome parse_outcome(Cursor& in) {
    const auto first = in.peek();
    if (first == "done" || first == "error" || first == "timeout" || landing_keyword(first))
        return Outcome{std::in_place_type<Landing>, parse_landing(in)};
    if (in.accept("sees")) {
        if (in.accept("nothing")) return Sighting{};
        return Sighting{in.name("an IOAS name or nothing")};
    }
    if (in.accept("unmet")) return Unmet{in.quoted()};
    if (in.accept("broken")) return Broken{in.quoted()};
    return parse_answer(in);
}

// ---- the line -------------------------------------------------------------------------------------------------

std::optional<Nanoseconds> parse_time(Cursor& in) {
    if (!in.peek().starts_with('@')) return std::nullopt;
    const auto v = parse_size(in.word("a time").substr(1));
    if (!v) in.fail("a time such as @1840022, in nanoseconds");
    return Nanoseconds{*v};
}

void parse_times(Cursor& in, Line& line) {
    const auto begin = parse_time(in);
    if (!begin) return;
    const auto end = parse_time(in);
    line.when = Interval{*begin, end.value_or(*begin)};
    if (line.when->end < line.when->begin) in.fail("an end that is not before its beginning");
}

// "lane 2:" in front of a step.
unsigned parse_lane(Cursor& in) {
    constexpr std::string_view kWhat = "a lane's number and a colon, such as 2:";
    const auto word = in.word(kWhat);
    const auto n = word.ends_with(':') ? parse_size(word.substr(0, word.size() - 1)) : std::nullopt;
    if (!n) in.fail(kWhat);
    if (*n < 1 || *n > kMaxLane) in.fail(fmt::format("a lane from 1 to {}", kMaxLane));
    return static_cast<unsigned>(*n);
}

void parse_body(Cursor& in, Line& line) {
    if (in.accept("!")) {
        if (!line.when) in.fail("a time in front of an event");
        line.body.emplace<Event>(parse_event(in));
        return;
    }
    if (in.accept("lane")) line.lane = parse_lane(in);
    const auto word = in.word("a step");
    if (auto step = parse_step(word, in)) {
        line.body = std::move(*step);
        return;
    }
    auto fact = line.lane == 0 ? parse_fact(word, in) : std::nullopt;
    if (!fact) in.fail(known_steps());
    line.body = std::move(*fact);
}

void parse_outcomes(Cursor& in, Line& line) {
    const bool timed = line.when.has_value();
    const bool dma_event = line.event() != nullptr && std::holds_alternative<DmaEvent>(*line.event());
    const std::size_t least = timed && (line.step() != nullptr || dma_event) ? 1 : 0;
    const std::size_t most = line.step() == nullptr ? least : timed ? 2 : 1;
    auto& last = timed ? line.observed : line.expected;
    std::size_t n = 0;
    for (; in.accept("=>"); ++n) {
        if (n == most) in.fail(most == 0 ? "no outcome here" : "no further outcome");
        if (last) line.expected = std::move(last);
        last.emplace(parse_outcome(in));
    }
    if (n < least) in.fail_here("'=>' and the outcome of a step that ran");
}

}  // namespace

Line parse_line(std::string_view text, const std::string& file, unsigned number) {
    Cursor in(text, file, number);
    Line line;
    line.number = number;
    parse_times(in, line);
    if (line.when || !in.at_end()) parse_body(in, line);
    parse_outcomes(in, line);
    if (!in.at_end())
        in.fail_here(line.expected || line.observed ? "the end of the line" : "'=>' or the end of the line");
    line.comment = in.comment();
    return line;
}

bool in_scenario(const Line& line) {
    return (line.fact() == nullptr && line.event() == nullptr) || !line.comment.empty();
}

Line as_scenario(Line line) {
    line.when.reset();
    line.observed.reset();
    if (line.step() == nullptr) line.body = std::monostate{};
    return line;
}

}  // namespace landfall
