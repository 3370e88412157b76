#include <fmt/format.h>

#include <array>
#include <functional>
#include <utility>

#include "landfall/cursor.hpp"
#include "landfall/line.hpp"

namespace landfall {
namespace {

// ---- steps ----------------------------------------------------------------------------------------------------

bool at_outcome_end(const Cursor& in) { return in.at_end() || in.peek() == "=>"; }

std::string device(Cursor& in) { return in.name("a device name"); }
std::string ioas(Cursor& in) { return in.name("an IOAS name"); }

std::optional<Iova> iova_or_auto(Cursor& in) {
    if (in.accept("auto")) return std::nullopt;
    return in.iova();
}

Step parse_require(Cursor& in) {
    Require s;
    const auto kind = in.word("same-group, different-groups, engine or feature");
    if (kind == "same-group" || kind == "different-groups") {
        s.kind = kind == "same-group" ? Require::Kind::same_group : Require::Kind::different_groups;
        while (s.names.size() < 2 || !at_outcome_end(in)) s.names.push_back(device(in));
    } else if (kind == "engine") {
        s.kind = Require::Kind::engine;
        s.names = {device(in), in.name("an engine such as edu or igb")};
    } else if (kind == "feature") {
        s.kind = Require::Kind::feature;
        s.names = {in.name("a feature such as map-file")};
    } else {
        in.fail("same-group, different-groups, engine or feature");
    }
    return s;
}

Step parse_buffer(Cursor& in) {
    Buffer s;
    s.name = in.name("a buffer name");
    s.size = in.size("a size such as 4K");
    if (s.size == 0 || s.size > (1ULL << 30) || s.size % 8 != 0)
        in.fail("a size of 8 bytes to 1G, a multiple of 8");
    while (!at_outcome_end(in)) {
        if (in.accept("huge")) {
            s.huge = true;
        } else if (in.accept("memfd")) {
            s.memfd = true;
        } else if (in.accept("ro")) {
            s.read_only = true;
        } else if (in.accept("skew")) {
            s.skew = in.size("bytes past a page boundary");
            if (s.skew == 0 || s.skew >= kPageSize || s.skew % 8 != 0)
                in.fail("a skew of 8 to 4088 bytes, a multiple of 8");
        } else {
            in.fail_here("huge, memfd, ro, skew N or the end of the line");
        }
    }
    return s;
}

Step parse_ioas(Cursor& in) {
    Ioas s{ioas(in)};
    s.bare = in.accept("bare");
    return s;
}

Step parse_map(Cursor& in, bool file) {
    Map s;
    s.ioas = ioas(in);
    s.iova = iova_or_auto(in);
    s.memory = in.slice();
    s.access = in.access();
    s.file = file;
    return s;
}

Step parse_ioas_copy(Cursor& in) {
    IoasCopy s;
    s.destination = ioas(in);
    s.iova = iova_or_auto(in);
    s.source = ioas(in);
    s.range = in.range();
    s.access = in.access();
    return s;
}

Step parse_unmap(Cursor& in) {
    Unmap s{ioas(in), std::nullopt};
    if (!in.accept("all")) s.range = in.range();
    return s;
}

Step parse_allow(Cursor& in) {
    Allow s{ioas(in), {}};
    while (!at_outcome_end(in)) s.ranges.push_back(in.range());
    return s;
}

Step parse_option(Cursor& in) {
    Option s{ioas(in), true};
    in.expect("huge-pages");
    s.huge_pages = in.accept("on");
    if (!s.huge_pages && !in.accept("off")) in.fail_here("on or off");
    return s;
}

DmaRequest parse_dma(Cursor& in) {
    DmaRequest d;
    d.device = device(in);
    const auto verb = in.word("write, read or copy");
    if (verb == "write") d.verb = DmaRequest::Verb::write;
    else if (verb == "read") d.verb = DmaRequest::Verb::read;
    else if (verb == "copy") d.verb = DmaRequest::Verb::copy;
    else in.fail("write, read or copy");
    d.range = in.range();
    // Landings are told apart by stamps of 8 bytes, so a DMA covers whole ones.
    if (d.range.start.value % 8 != 0 || d.range.length % 8 != 0) in.fail("a DMA of whole 8-byte words");
    if (d.range.length > (16U << 20)) in.fail("a DMA of at most 16M");
    if (d.verb == DmaRequest::Verb::copy) {
        in.expect("to");
        d.target = in.iova();
        if (d.target->value % 8 != 0) in.fail("an IOVA that is a multiple of 8");
    }
    return d;
}

using StepParser = std::function<Step(Cursor&)>;

// The one table of verbs. Order is the order of docs/scenarios.md and of the error message.
const std::array<std::pair<std::string_view, StepParser>, 25>& step_table() {
    using Verb = DeviceControl::Verb;
    static const std::array<std::pair<std::string_view, StepParser>, 25> table{{
        {"require", parse_require},
        {"buffer", parse_buffer},
        {"ioas", parse_ioas},
        {"hwpt", [](Cursor& in) { return Step{Hwpt{in.name("a HWPT name"), ioas(in), device(in)}}; }},
        {"map", [](Cursor& in) { return parse_map(in, false); }},
        {"map-file", [](Cursor& in) { return parse_map(in, true); }},
        {"ioas-copy", parse_ioas_copy},
        {"unmap", parse_unmap},
        {"attach", [](Cursor& in) { return Step{Attach{device(in), in.name("an IOAS or HWPT name"), false}}; }},
        {"replace", [](Cursor& in) { return Step{Attach{device(in), in.name("an IOAS or HWPT name"), true}}; }},
        {"detach", [](Cursor& in) { return Step{Detach{device(in)}}; }},
        {"destroy", [](Cursor& in) { return Step{Destroy{in.name("an IOAS or HWPT name")}}; }},
        {"open", [](Cursor& in) { return Step{DeviceControl{Verb::open, device(in)}}; }},
        {"close", [](Cursor& in) { return Step{DeviceControl{Verb::close, device(in)}}; }},
        {"reset", [](Cursor& in) { return Step{DeviceControl{Verb::reset, device(in)}}; }},
        {"ranges", [](Cursor& in) { return Step{Ranges{ioas(in)}}; }},
        {"allow", parse_allow},
        {"option", parse_option},
        {"dma", [](Cursor& in) { return Step{Dma{parse_dma(in)}}; }},
        {"start", [](Cursor& in) { return Step{Start{parse_dma(in)}}; }},
        {"wait", [](Cursor& in) { return Step{Wait{device(in)}}; }},
        {"pump", [](Cursor& in) { return Step{Pump{parse_dma(in)}}; }},
        {"halt", [](Cursor& in) { return Step{Halt{device(in)}}; }},
        {"view", [](Cursor& in) { return Step{View{device(in)}}; }},
        {"sleep", [](Cursor& in) { return Step{Sleep{in.duration()}}; }},
    }};
    return table;
}

std::string known_steps() {
    std::string out = "a step: ";
    for (const auto& [verb, parser] : step_table())
        out += (out.size() > 8 ? ", " : "") + std::string(verb);
    return out;
}

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
    f.name = in.accept("-") ? "-" : device(in);
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

Event parse_event(Cursor& in) {
    constexpr std::string_view kKinds = "fault, kernel, stray, dma or lab";
    const auto kind = in.word(kKinds);
    if (kind == "kernel") return KernelEvent{in.quoted()};
    if (kind == "lab") return LabEvent{in.quoted()};
    if (kind == "stray") return StrayEvent{in.slice()};
    if (kind == "dma") return DmaEvent{parse_dma(in)};
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

// `gap` is the word for bytes without a place; empty where there can be none.
std::vector<Segment> parse_segments(Cursor& in, std::string_view gap) {
    const auto prefix = std::string(gap) + "+";
    std::vector<Segment> out;
    while (!at_outcome_end(in) && (out.empty() || !landing_keyword(in.peek()))) {
        if (!gap.empty() && in.peek().starts_with(prefix)) {
            const auto length = parse_size(in.word("a gap").substr(prefix.size()));
            if (!length || *length == 0) in.fail(fmt::format("{}N, the bytes that are missing", prefix));
            out.push_back({std::nullopt, *length});
        } else {
            auto slice = in.slice();
            const auto length = slice.span ? slice.span->length : 0;
            out.push_back({std::move(slice), length});
        }
    }
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
    while (!at_outcome_end(in)) {
        if (in.peek().find('+') != std::string_view::npos) a.ranges.push_back(in.range());
        else if (!a.value && a.ranges.empty()) a.value = in.number("a value or a range");
        else in.fail_here("a range or the end of the outcome");
    }
    return a;
}

Outcome parse_outcome(Cursor& in) {
    const auto first = in.peek();
    if (first == "done" || first == "error" || first == "timeout" || landing_keyword(first)) return parse_landing(in);
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

void parse_body(Cursor& in, Line& line) {
    if (in.accept("!")) {
        if (!line.when) in.fail("a time in front of an event");
        line.body = parse_event(in);
        return;
    }
    const auto word = in.word("a step");
    for (const auto& [verb, parser] : step_table()) {
        if (verb != word) continue;
        line.body = parser(in);
        return;
    }
    auto fact = parse_fact(word, in);
    if (!fact) in.fail(known_steps());
    line.body = std::move(*fact);
}

void parse_outcomes(Cursor& in, Line& line) {
    const bool timed = line.when.has_value();
    const bool dma_event = line.event() != nullptr && std::holds_alternative<DmaEvent>(*line.event());
    const std::size_t least = timed && (line.step() != nullptr || dma_event) ? 1 : 0;
    const std::size_t most = line.step() == nullptr ? least : timed ? 2 : 1;
    std::vector<Outcome> outcomes;
    while (in.accept("=>")) {
        if (outcomes.size() == most) in.fail(most == 0 ? "no outcome here" : "no further outcome");
        outcomes.push_back(parse_outcome(in));
    }
    if (outcomes.size() < least) in.fail_here("'=>' and the outcome of a step that ran");
    if (timed && !outcomes.empty()) {
        line.observed = std::move(outcomes.back());
        outcomes.pop_back();
    }
    if (!outcomes.empty()) line.expected = std::move(outcomes.back());
}

}  // namespace

Line parse_line(std::string_view text, const std::string& file, unsigned number) {
    Cursor in(text, file, number);
    Line line;
    line.number = number;
    parse_times(in, line);
    if (line.when || !in.at_end()) parse_body(in, line);
    parse_outcomes(in, line);
    if (!in.at_end()) in.fail_here(line.expected || line.observed ? "the end of the line" : "'=>' or the end of the line");
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
