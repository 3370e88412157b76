// Lines made at random from every alternative of the grammar; the seed is fixed, so a failure is found again.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "landfall/error.hpp"
#include "landfall/line.hpp"

namespace landfall {
namespace {

class Dice {
  public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t below(std::uint64_t n) { return engine_() % n; }
    bool coin() { return below(2) == 0; }
    template <class T>
    T one_of(std::initializer_list<T> list) {
        return list.begin()[below(list.size())];
    }
    std::uint64_t number() { return engine_() >> below(64); }

    std::string name() {
        static constexpr std::string_view kFirst = "abcxyzABZ", kRest = "abz019-_.";
        std::string out(1, kFirst[below(kFirst.size())]);
        for (auto n = below(8); n > 0; --n) out += kRest[below(kRest.size())];
        return out;
    }
    std::string text() {
        std::string out;
        for (auto n = below(12); n > 0; --n) out += static_cast<char>(below(256));
        return out;
    }
    Iova iova() { return {number()}; }
    std::optional<Iova> maybe_iova() { return coin() ? std::optional(iova()) : std::nullopt; }
    IovaRange range() {
        const auto start = number();
        return {{start}, 1 + below(~start == ~0ULL ? ~0ULL : ~start + 1)};
    }
    Access access() { return one_of({Access{true, false}, Access{false, true}, Access{true, true}}); }
    Bdf bdf() {
        return {static_cast<std::uint32_t>(number()), static_cast<std::uint8_t>(below(256)),
                static_cast<std::uint8_t>(below(32)), static_cast<std::uint8_t>(below(8))};
    }
    BufferSlice slice() {
        const auto r = range();
        return {name(), coin() ? std::optional(BufferSlice::Span{r.start.value, r.length}) : std::nullopt};
    }

  private:
    std::mt19937_64 engine_;
};

DmaRequest request(Dice& d) {
    DmaRequest r{d.name(), d.one_of({DmaRequest::Verb::write, DmaRequest::Verb::read, DmaRequest::Verb::copy}),
                 {{d.number() & ~0xfffffffULL}, 8 + 8 * d.below(2 << 20)}, std::nullopt};
    if (r.verb == DmaRequest::Verb::copy) r.target = Iova{d.number() & ~0xfffffffULL};
    return r;
}

template <class T>
std::vector<T> several(Dice& d, std::size_t least, T (*make)(Dice&)) {
    std::vector<T> out;
    for (auto n = least + d.below(4); n > 0; --n) out.push_back(make(d));
    return out;
}

Require require(Dice& d) {
    const auto name = [](Dice& dice) { return dice.name(); };
    switch (d.below(4)) {
        case 0: return {Require::Kind::same_group, several<std::string>(d, 2, name)};
        case 1: return {Require::Kind::different_groups, several<std::string>(d, 2, name)};
        case 2: return {Require::Kind::engine, {d.name(), d.name()}};
        default: return {Require::Kind::feature, {d.name()}};
    }
}

Buffer buffer(Dice& d) {
    Buffer out{d.name(), 8 + 8 * d.below(1ULL << 27), d.coin(), d.coin()};
    out.scattered = d.coin();
    const auto unit = out.huge ? kHugePage : kPageSize;
    const auto first = d.below(out.size / unit + 1), last = d.below(out.size / unit + 1);
    if (d.coin()) out.read_only = out.whole();
    else if (first < last) out.read_only = {unit * first, unit * (last - first)};
    if (!out.read_only || *out.read_only == out.whole()) out.skew = d.coin() ? 8 * d.below(512) : 0;
    return out;
}

Step step(Dice& d) {
    using Verb = DeviceControl::Verb;
    const auto range = [](Dice& dice) { return dice.range(); };
    switch (d.below(std::variant_size_v<Step>)) {
        case 0: return require(d);
        case 1: return buffer(d);
        case 2: return Ioas{d.name(), d.coin()};
        case 3: return Hwpt{d.name(), d.name(), d.name()};
        case 4: return Map{d.name(), d.maybe_iova(), d.slice(), d.access(), d.coin()};
        case 5: return IoasCopy{d.name(), d.maybe_iova(), d.name(), d.range(), d.access()};
        case 6: return Unmap{d.name(), d.coin() ? std::optional(d.range()) : std::nullopt};
        case 7: return Attach{d.name(), d.name(), d.coin()};
        case 8: return Detach{d.name()};
        case 9: return Destroy{d.name()};
        case 10: return DeviceControl{d.one_of({Verb::open, Verb::close, Verb::reset}), d.name()};
        case 11: return Ranges{d.name()};
        case 12: return Allow{d.name(), several<IovaRange>(d, 0, range)};
        case 13: return Option{d.name(), d.coin()};
        case 14: return Dma{request(d)};
        case 15: return Start{request(d)};
        case 16: return Wait{d.name()};
        case 17: return Pump{request(d)};
        case 18: return Halt{d.name()};
        case 19: return View{d.name()};
        case 20: return Witness{};
        default: return Sleep{{d.below(60'000'000'001)}};
    }
}

Fact fact(Dice& d) {
    switch (d.below(std::variant_size_v<Fact>)) {
        case 0:
            return DeviceFact{d.coin() ? d.name() : "-", d.bdf(), static_cast<std::uint16_t>(d.number()),
                              static_cast<std::uint16_t>(d.number()), static_cast<std::uint32_t>(d.number()),
                              d.coin() ? d.name() : "-", d.coin() ? std::optional(d.bdf()) : std::nullopt};
        case 1: return StagingFact{d.range()};
        case 2: return ReservedFact{static_cast<std::uint32_t>(d.number()), d.range()};
        case 3: return TextFact{d.one_of<const char*>({"rig", "kernel", "iommu", "feature", "landfall"}), d.text()};
        default: return EndFact{d.number()};
    }
}

GuestPlace guest_place(Dice& d) {
    const auto r = d.range();
    return {{{r.start.value}, r.length}, d.number(), d.text()};
}

Event event(Dice& d) {
    switch (d.below(std::variant_size_v<Event>)) {
        case 0:
            return FaultEvent{d.bdf(), d.one_of({Access{true, false}, Access{false, true}, Access{}}), d.iova(),
                              d.coin() ? std::optional(static_cast<std::uint32_t>(d.number())) : std::nullopt};
        case 1: return KernelEvent{d.text()};
        case 2:
            if (d.coin()) return StrayEvent{d.slice()};
            return StrayEvent{guest_place(d)};
        case 3: return DmaEvent{request(d), d.coin() ? 1 : 2 + d.below(1000)};
        default: return LabEvent{d.text()};
    }
}

// Pieces as a parser returns them: a place with its length, or a gap, which never stands alone.
std::vector<Segment> segments(Dice& d, bool gaps) {
    if (gaps && d.below(3) == 0) return {Segment{}};
    auto out = several<Segment>(d, 1, [](Dice& dice) {
        auto place = dice.slice();
        const auto length = place.span ? place.span->length : 0;
        return Segment{std::move(place), length};
    });
    if (gaps && d.coin()) {
        const auto at = out.begin() + static_cast<long>(d.below(out.size() + 1));
        out.insert(at, {std::nullopt, 1 + d.number()});
    }
    return out;
}

Landing landing(Dice& d) {
    Landing l;
    using Status = Landing::Status;
    if (d.coin()) l.status = d.one_of({Status::done, Status::error, Status::timeout});
    if (d.coin()) l.seq = d.number();
    if (d.coin()) l.from = segments(d, true);
    if (d.coin() || (!l.status && !l.seq && l.from.empty())) l.lands = segments(d, true);
    if (d.below(4) == 0) l.also = segments(d, false);
    return l;
}

Answer answer(Dice& d) {
    if (d.coin()) return {{static_cast<int>(1 + d.below(200))}, std::nullopt, {}};
    return {{}, d.coin() ? std::optional(d.number()) : std::nullopt,
            several<IovaRange>(d, 0, [](Dice& dice) { return dice.range(); })};
}

Outcome outcome(Dice& d) {
    switch (d.below(std::variant_size_v<Outcome>)) {
        case 0: return answer(d);
        case 1: return landing(d);
        case 2: return Sighting{d.coin() ? std::optional(d.name()) : std::nullopt};
        case 3: return Unmet{d.text()};
        default: return Broken{d.text()};
    }
}

Interval interval(Dice& d) {
    const auto begin = d.number() >> 1;
    return {{begin}, {begin + (d.coin() ? 0 : d.number() >> 1)}};
}

Line line(Dice& d) {
    Line l;
    switch (d.below(5)) {
        case 0: break;  // blank, or a comment alone
        case 1: l.body = fact(d); break;
        case 2:
            l.body = event(d);
            l.when = interval(d);
            if (std::holds_alternative<DmaEvent>(*l.event())) l.observed = outcome(d);
            break;
        default:
            l.body = step(d);
            if (d.coin()) l.lane = static_cast<unsigned>(1 + d.below(kMaxLane));
            if (d.coin()) l.expected = outcome(d);
            if (d.coin()) {
                l.when = interval(d);
                l.observed = outcome(d);
            }
    }
    if (d.coin()) l.comment = " " + d.name() + " # => \"";
    return l;
}

TEST(RandomLines, ReadBackAsTheyWereAndPrintTheSame) {
    Dice dice(20230203);
    std::set<std::string> seen;
    for (int i = 0; i < 50'000; ++i) {
        const auto l = line(dice);
        const auto text = print(l);
        const auto back = parse_line(text, "random", 1);
        ASSERT_EQ(back, l) << "round " << i << ": " << text;
        ASSERT_EQ(print(back), text);
        seen.insert(std::to_string(l.body.index()) + "." +
                    std::to_string(l.step() ? l.step()->index() : l.fact() ? l.fact()->index()
                                                              : l.event() ? l.event()->index() : 0));
        if (l.observed) seen.insert("outcome." + std::to_string(l.observed->index()));
    }
    EXPECT_EQ(seen.size(), 1 + std::variant_size_v<Step> + std::variant_size_v<Fact> + std::variant_size_v<Event> +
                               std::variant_size_v<Outcome>);
}

// What is no line at all must be refused with a place, whatever bytes it is made of.
TEST(RandomLines, MangledTheyAreReadOrRefused) {
    Dice dice(7);
    for (int i = 0; i < 50'000; ++i) {
        auto text = print(line(dice));
        for (auto n = 1 + dice.below(3); n > 0 && !text.empty(); --n) {
            const auto at = dice.below(text.size());
            if (dice.coin()) text.erase(at, 1 + dice.below(4));
            else text[at] = static_cast<char>(dice.below(256));
        }
        try {
            const auto l = parse_line(text, "random", 1);
            ASSERT_EQ(parse_line(print(l), "random", 1), l) << text;
        } catch (const TextError& e) {
            ASSERT_EQ(e.where().line, 1U);
            ASSERT_LE(e.where().column, text.size() + 1);
            ASSERT_FALSE(e.expected().empty());
        }
    }
}

}  // namespace
}  // namespace landfall
