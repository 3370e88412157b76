#include "landfall/simplify.hpp"

#include <algorithm>

namespace landfall {
namespace {

constexpr std::uint64_t kShortDma = 64;
constexpr Access kAll{true, true};

using Steps = std::vector<Step>;

// `change` makes one thing simpler in a copy of the step.
template <class S, class Change>
void offer(Steps& out, const S& step, Change change) {
    auto copy = step;
    change(copy);
    if (!(copy == step)) out.emplace_back(std::move(copy));
}

void resize(Buffer& b, std::uint64_t size) {
    const bool all = b.read_only == b.whole();
    b.size = size;
    if (all) b.read_only = b.whole();
    else if (b.read_only && b.read_only->offset + b.read_only->length > size) b.read_only.reset();
}

Steps simpler(const Buffer& s) {
    Steps out;
    offer(out, s, [](Buffer& b) { resize(b, kPageSize); });
    if (s.size > 2 * kPageSize) offer(out, s, [](Buffer& b) { resize(b, align_up(b.size / 2, kPageSize)); });
    offer(out, s, [](Buffer& b) { b.huge = false; });
    offer(out, s, [](Buffer& b) { b.scattered = false; });
    offer(out, s, [](Buffer& b) { b.memfd = false; });
    offer(out, s, [](Buffer& b) { b.read_only.reset(); });
    offer(out, s, [](Buffer& b) { b.skew = 0; });
    return out;
}

Steps simpler(const Map& s) {
    Steps out;
    offer(out, s, [](Map& m) { m.memory.span.reset(); });
    if (s.memory.span && s.memory.span->length > kPageSize)
        offer(out, s, [](Map& m) { m.memory.span->length = kPageSize; });
    if (s.memory.span) offer(out, s, [](Map& m) { m.memory.span->offset = 0; });
    offer(out, s, [](Map& m) { m.access = kAll; });
    offer(out, s, [](Map& m) { m.file = false; });
    return out;
}

Steps simpler(const IoasCopy& s) {
    Steps out;
    if (s.range.length > kPageSize) offer(out, s, [](IoasCopy& c) { c.range.length = kPageSize; });
    offer(out, s, [](IoasCopy& c) { c.access = kAll; });
    return out;
}

Steps simpler(const Unmap& s) {
    Steps out;
    if (s.range && s.range->length > kPageSize) offer(out, s, [](Unmap& u) { u.range->length = kPageSize; });
    return out;
}

Steps simpler(const Allow& s) {
    Steps out;
    for (std::size_t i = 0; i < s.ranges.size(); ++i)
        offer(out, s, [&](Allow& a) { a.ranges.erase(a.ranges.begin() + static_cast<long>(i)); });
    return out;
}

template <class S>
Steps simpler_request(const S& s) {
    Steps out;
    using Verb = DmaRequest::Verb;
    if (s.request.verb == Verb::copy) {
        offer(out, s, [](S& c) {
            c.request = {c.request.device, Verb::write, {*c.request.target, c.request.range.length}, {}};
        });
        offer(out, s, [](S& c) { c.request = {c.request.device, Verb::read, c.request.range, {}}; });
    }
    if (s.request.range.length > kShortDma) {
        offer(out, s, [](S& c) { c.request.range.length = kShortDma; });
        offer(out, s, [](S& c) { c.request.range.length = align_up(c.request.range.length / 2, kShortDma); });
    }
    offer(out, s,
          [](S& c) { c.request.range.start.value = align_down(c.request.range.start.value, kPageSize); });
    return out;
}

Steps simpler(const Dma& s) { return simpler_request(s); }
Steps simpler(const Start& s) { return simpler_request(s); }
Steps simpler(const Pump& s) {
    Steps out;
    offer(out, s, [](Pump& p) { p = {p.piece(0)}; });
    offer(out, s, [](Pump& p) { p.deep = 1; });
    offer(out, s, [](Pump& p) { p.every = {}; });
    // A piece is part of the range: one is made simpler when the other is gone.
    if (s.by == 0)
        for (auto& step : simpler_request(s)) out.push_back(std::move(step));
    return out;
}

Steps simpler(const Ioas& s) {
    Steps out;
    offer(out, s, [](Ioas& i) { i.bare = false; });
    return out;
}

template <class S>
Steps simpler(const S& /*step*/) {
    return {};
}

}  // namespace

// Each leads away from where it came from, so that to simplify again and again comes to an end.
std::vector<Line> simpler(const Line& line) {
    std::vector<Line> out;
    const auto offer_line = [&](auto change) {
        auto copy = line;
        change(copy);
        if (!(copy == line)) out.push_back(std::move(copy));
    };
    offer_line([](Line& l) { l.expected.reset(); });
    offer_line([](Line& l) { l.lane = 0; });
    if (line.step() == nullptr) return out;
    for (auto& step : std::visit([](const auto& s) { return simpler(s); }, *line.step()))
        offer_line([&](Line& l) { l.body = std::move(step); });
    return out;
}

}  // namespace landfall
