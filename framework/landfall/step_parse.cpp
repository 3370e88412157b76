#include "landfall/step_parse.hpp"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <utility>

#include "landfall/cursor.hpp"

namespace landfall {
namespace {

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
        while (s.names.size() < 2 || !in.at_clause_end()) s.names.push_back(device(in));
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

/// Of a buffer all is read-only, or pages of it that can be so by themselves.
bool can_be_read_only(const Buffer& b, const BufferSlice::Span& pages) {
    const auto unit = b.huge ? kHugePage : kPageSize;
    const bool whole = pages.offset % unit == 0 && pages.length % unit == 0 && b.skew == 0;
    return pages == b.whole() || (whole && pages.offset + pages.length <= b.size);
}

Step parse_buffer(Cursor& in) {
    Buffer s;
    s.name = in.name("a buffer name");
    s.size = in.size("a size such as 4K");
    if (s.size == 0 || s.size > (1ULL << 30) || s.size % 8 != 0)
        in.fail("a size of 8 bytes to 1G, a multiple of 8");
    while (!in.at_clause_end()) {
        if (in.accept("huge")) {
            s.huge = true;
        } else if (in.accept("scattered")) {
            s.scattered = true;
        } else if (in.accept("memfd")) {
            s.memfd = true;
        } else if (in.peek() == "ro" || in.peek().starts_with("ro[")) {
            s.read_only = in.slice().span.value_or(s.whole());
        } else if (in.accept("skew")) {
            s.skew = in.size("bytes past a page boundary");
            if (s.skew == 0 || s.skew >= kPageSize || s.skew % 8 != 0)
                in.fail("a skew of 8 to 4088 bytes, a multiple of 8");
        } else {
            in.fail_here("huge, scattered, memfd, ro, ro[OFFSET+LENGTH], skew N or the end of the line");
        }
    }
    if (s.read_only && !can_be_read_only(s, *s.read_only))
        in.fail("ro, or ro[OFFSET+LENGTH] with whole pages of the buffer, which then has no skew");
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
    while (!in.at_clause_end()) s.ranges.push_back(in.range());
    return s;
}

Step parse_option(Cursor& in) {
    Option s{ioas(in), true};
    in.expect("huge-pages");
    s.huge_pages = in.accept("on");
    if (!s.huge_pages && !in.accept("off")) in.fail_here("on or off");
    return s;
}

Pump parse_pump(Cursor& in) {
    Pump s{parse_dma(in)};
    const auto length = s.request.range.length;
    if (in.accept("by")) {
        s.by = in.size("the bytes of a piece");
        if (s.by == 0 || s.by % 8 != 0 || length % s.by != 0)
            in.fail(fmt::format("a multiple of 8 bytes that divides the {} of the range", length));
        if (in.accept("deep")) {
            const auto deep = in.number("how many DMAs may be under way");
            if (deep == 0 || deep > length / s.by) in.fail(fmt::format("1 to {}, as many as there are pieces", length / s.by));
            s.deep = static_cast<unsigned>(deep);
        }
    }
    if (in.accept("every")) {
        s.every = in.duration();
        if (s.every.value == 0) in.fail("a duration that is not 0");
    }
    return s;
}

using StepParser = std::function<Step(Cursor&)>;

// The one table of verbs. Order is the order of docs/scenarios.md and of the error message.
const std::array<std::pair<std::string_view, StepParser>, 26>& step_table() {
    using Verb = DeviceControl::Verb;
    static const std::array<std::pair<std::string_view, StepParser>, 26> table{{
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
        {"pump", [](Cursor& in) { return Step{parse_pump(in)}; }},
        {"halt", [](Cursor& in) { return Step{Halt{device(in)}}; }},
        {"view", [](Cursor& in) { return Step{View{device(in)}}; }},
        {"sleep", [](Cursor& in) { return Step{Sleep{in.duration()}}; }},
        {"witness", [](Cursor&) { return Step{Witness{}}; }},
    }};
    return table;
}

}  // namespace

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
        if (*d.target + (d.range.length - 1) < *d.target) in.fail("an IOVA the DMA does not pass 2^64 from");
    }
    return d;
}

bool moves_views(const Step& step) {
    return std::visit(
        []<class T>(const T&) {
            constexpr bool kStays = std::is_same_v<T, Require> || std::is_same_v<T, Ranges> || std::is_same_v<T, Dma> ||
                                    std::is_same_v<T, Start> || std::is_same_v<T, Wait> || std::is_same_v<T, Pump> ||
                                    std::is_same_v<T, Halt> || std::is_same_v<T, View> || std::is_same_v<T, Sleep> ||
                                    std::is_same_v<T, Witness>;
            return !kStays;
        },
        step);
}

DmaRequest Pump::piece(std::uint64_t n) const {
    auto out = request;
    if (by == 0) return out;
    const auto offset = n % pieces() * by;
    out.range = {request.range.start + offset, by};
    if (out.target) out.target = *request.target + offset;
    return out;
}

std::string known_steps() {
    std::string out = "a step: ";
    for (const auto& [verb, parser] : step_table())
        out += (out.size() > 8 ? ", " : "") + std::string(verb);
    return out;
}

std::optional<Step> parse_step(std::string_view verb, Cursor& in) {
    for (const auto& [name, parser] : step_table())
        if (name == verb) return parser(in);
    return std::nullopt;
}

}  // namespace landfall
