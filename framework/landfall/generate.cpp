#include "landfall/generate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "landfall/draft.hpp"

namespace landfall {
namespace {

constexpr std::uint64_t kHuge = 2U << 20;
constexpr std::uint64_t kLongestDma = 4096;  // what every engine can do
// Both sides of the ends of page tables, of the interrupt window and of the first 4 GiB. What lies below
// 0x210000 is also where the simulated machine has its memory, so that an address nobody translated hits
// something.
constexpr std::array<std::uint64_t, 12> kSpots{0x200000,   0x1ff000,   0x201000,   0x1fe000,
                                               0x400000,   0x3ff000,   0x1000,     0x300000,
                                               0xfedff000, 0xfef00000, 0x80000000, 0xfffff000};
constexpr std::uint64_t kStaging =
    0x70000000;  // nothing is mapped there; the beacon's page is unmapped at times
constexpr std::uint64_t kIdentity = 0x1f4000, kIdentityPages = 28;

class Generator {
  public:
    Generator(Choices& choices, const GenerateOptions& options)
        : choices_(choices), options_(options), draft_(options.groups) {}

    Scenario run() {
        begin();
        choices_.extend(0, options_.most_steps, [this, first = draft_.lines.size()] {
            move(0);
            return draft_.lines.size() - first;
        });
        last_look();
        return {"<generated>", with_requirements()};
    }

  private:
    using Device = Draft::Device;
    using Space = Draft::Space;
    using Domain = Draft::Domain;
    using Verb = DmaRequest::Verb;

    // ---- decisions
    std::uint64_t below(std::uint64_t n) { return choices_.below(n); }
    template <class Part>
    void repeat(std::uint64_t least, std::uint64_t most, Part part) {
        std::uint64_t n = 0;
        choices_.extend(least, most, [&] {
            part();
            return ++n;
        });
        for (; n < least; ++n) part();  // whoever chooses himself may have stopped short
    }
    bool rarely(std::uint64_t n) { return below(n) == n - 1; }
    bool mostly(std::uint64_t n) { return !rarely(n); }
    template <class List>
    auto& one_of(List& list) {
        return list[below(list.size())];
    }
    std::size_t weighted(std::initializer_list<unsigned> weights) {
        std::uint64_t sum = 0;
        for (const auto w : weights) sum += w;
        auto n = below(sum);
        std::size_t i = 0;
        for (const auto w : weights) {
            if (n < w) return i;
            n -= w;
            ++i;
        }
        return 0;
    }
    [[nodiscard]] bool has(std::string_view feature) const {
        return std::ranges::find(options_.features, feature) != options_.features.end();
    }

    [[nodiscard]] bool containers() const { return has("type1"); }

    // ---- picking
    template <class List, class Good>
    auto* some(List& list, Good good) {
        std::vector<decltype(&list.front())> fit;
        for (auto& item : list)
            if (good(item)) fit.push_back(&item);
        return fit.empty() ? nullptr : one_of(fit);
    }
    /// A device whose engine is free, and ours in this lane.
    Device* idle() {
        return some(draft_.devices, [&](const Device& d) {
            return d.open && !d.busy && (lanes_ == 0 || index(d) % lanes_ + 1 == draft_.lane);
        });
    }
    Device& any_device() { return one_of(draft_.devices); }
    Space* living() {
        return some(draft_.spaces, [](const Space& s) { return s.alive; });
    }
    Domain* target() {
        return some(draft_.domains, [&](const Domain& d) { return d.alive && (d.manual || !destroying_); });
    }
    [[nodiscard]] std::size_t index(const Device& d) const {
        return static_cast<std::size_t>(&d - draft_.devices.data());
    }
    Iova spot() {
        const auto at = one_of(spots_);
        return Iova{at + kPageSize * (rarely(3) ? below(4) : 0)};
    }
    Access access() {
        return std::array{Access{true, true}, Access{true, false}, Access{false, true}}[weighted({6, 1, 1})];
    }
    std::string fresh(const char* stem) { return fmt::format("{}{}", stem, ++names_); }

    // ---- the objects a scenario begins with
    void begin() {
        for (auto n = 3 + below(3); n > 0; --n)
            spots_.push_back(rarely(3) ? kIdentity + kPageSize * below(kIdentityPages) : one_of(kSpots));
        repeat(2, 3, [this] { buffer(); });
        repeat(1, 3, [this] { ioas(); });
        for (auto& space : draft_.spaces) {
            repeat(1, 3, [&] { map(space); });
            repeat(0, 2, [&] { hwpt(space); });
        }
        for (auto& d : draft_.devices)
            if (mostly(4)) attach(d, *target());
    }

    void buffer() {
        Buffer b{fresh("p"), kPageSize * (1 + below(4)), false, false, false, 0};
        switch (weighted({12, 2, 1, 1, 1})) {
            case 1: b.memfd = has("map-file"); break;
            case 2: b.read_only = true; break;
            case 3:
                b.huge = has("huge-buffers");
                if (b.huge) b.size = kHuge * (1 + below(2));
                break;
            case 4: b.skew = 64 * (1 + below(63)); break;
            default: break;
        }
        draft_.add(b);
    }
    void ioas() { draft_.add(Ioas{fresh("s"), rarely(20)}); }
    void hwpt(const Space& space) {
        if (has("hwpt")) draft_.add(Hwpt{fresh("h"), space.name, any_device().name});
    }

    // ---- DMA
    /// Somewhere in or around the range: its first bytes, its last, all of its first page, across its start
    /// or end.
    IovaRange part_of(const IovaRange& range) {
        const auto end = range.start.value + range.length;
        const auto most = std::min(range.length, kLongestDma);
        switch (weighted({6, 3, 3, 1, 1, 2})) {
            case 1: return {Iova{end - 64}, 64};
            case 2: return {range.start, most};
            case 3: return {Iova{std::max(range.start.value, std::uint64_t{64}) - 64}, 128};
            case 4: return {Iova{end - 64}, 128};
            case 5: return {range.start + (most < range.length ? range.length - most : 0), most};
            default: return {range.start, 64};
        }
    }
    [[nodiscard]] static bool safe(const IovaRange& r) { return !r.overlaps(kInterruptWindow); }
    IovaRange aim(const Device& d) {
        const auto* space = draft_.seen_by(d);
        IovaRange range{spot(), kPageSize};
        if (space != nullptr && !space->areas.empty() && mostly(4)) range = one_of(space->areas).range;
        range = part_of(range);
        return safe(range) ? range : IovaRange{Iova{0x200000}, 64};
    }
    DmaRequest request(const Device& d, const IovaRange& range, bool in_background = false) {
        DmaRequest r{d.name, std::array{Verb::write, Verb::read, Verb::copy}[weighted({6, 2, 1})], range,
                     std::nullopt};
        if (r.verb != Verb::copy) return r;
        if (!options_.copies_beside && (in_background || lanes_ > 0 || std::ranges::any_of(draft_.devices, &Device::busy))) {
            r.verb = Verb::write;
            return r;
        }
        r.target = aim(d).start;
        if (!safe({*r.target, range.length})) r.target = Iova{0x200000};
        return r;
    }
    void dma() {
        if (auto* d = idle()) draft_.add(Dma{request(*d, aim(*d))});
    }
    void probe(const IovaRange& range) {
        auto* d = idle();
        if (d == nullptr) return;
        const auto part = part_of(range);
        if (safe(part)) draft_.add(Dma{request(*d, part)});
    }
    void view() {
        if (auto* d = idle()) draft_.add(View{d->name});
    }

    // ---- map, copy, unmap
    BufferSlice slice(const Buffer& b) {
        const auto pages = b.size / kPageSize;
        if (mostly(3)) return {b.name, std::nullopt};
        const auto count = 1 + below(std::min<std::uint64_t>(pages, 4));
        const auto offset = kPageSize * below(pages - count + 1);
        switch (weighted({20, 1, 1})) {
            case 1: return {b.name, BufferSlice::Span{offset, 64}};
            case 2:
                if (count > 1) return {b.name, BufferSlice::Span{offset + 64, kPageSize}};
                break;
            default: break;
        }
        return {b.name, BufferSlice::Span{offset, count * kPageSize}};
    }
    std::optional<Iova> place() {
        switch (weighted({20, 2, 1, 1})) {
            case 1: return containers() ? spot() : std::optional<Iova>();
            case 2: return spot() + 64;
            case 3: return kInterruptWindow.start + kPageSize * below(3);
            default: return spot();
        }
    }
    void map(Space& space) {
        const auto& b = one_of(draft_.buffers);
        Map step{space.name, place(), slice(b), access(), b.memfd && rarely(2)};
        if (b.huge && step.iova && mostly(3)) step.iova = Iova{align_down(step.iova->value, kHuge)};
        if (b.read_only && mostly(4)) step.access = {true, false};
        draft_.add(std::move(step));
    }
    void map_and_look() {
        auto* space = living();
        if (space == nullptr) return;
        map(*space);
        if (!space->areas.empty() && mostly(3)) probe(one_of(space->areas).range);
    }
    void copy() {
        if (containers()) return map_and_look();
        auto *from = living(), *to = living();
        if (from == nullptr) return;
        IovaRange range{spot(), kPageSize * (1 + below(2))};
        if (!from->areas.empty() && mostly(6)) {
            range = one_of(from->areas).range;
            const auto pages = range.length / kPageSize;
            if (pages > 1 && rarely(2)) {
                range.start = range.start + kPageSize * below(pages);
                range.length = kPageSize;
            }
        }
        draft_.add(IoasCopy{to->name, place(), from->name, range, access()});
        if (!to->areas.empty() && mostly(2)) probe(one_of(to->areas).range);
    }
    std::optional<IovaRange> condemned(const Space& space) {
        if (space.areas.empty()) return IovaRange{spot(), kPageSize};
        const auto& area = one_of(space.areas).range;
        switch (weighted({12, 2, 2, 2, 1, 1, 1})) {
            case 1: return IovaRange{area.start, area.length + kPageSize};
            case 2: return IovaRange{area.start, kPageSize};
            case 3: return IovaRange{area.start, 16 * kPageSize};
            case 4: return IovaRange{area.start + kPageSize, kPageSize};
            case 5: return IovaRange{Iova{kStaging}, kPageSize};
            case 6: return std::nullopt;
            default: return area;
        }
    }
    /// Warm caches, unmap, and a DMA at once: what is stale shows.
    void unmap() {
        auto* space = living();
        if (space == nullptr) return;
        const auto range = condemned(*space);
        const auto watched = range.value_or(IovaRange{spot(), kPageSize});
        for (auto n = below(3); n > 0; --n) probe(watched);
        draft_.add(Unmap{space->name, range});
        for (auto n = below(3); n > 0; --n) probe(watched);
        if (rarely(3) && range && range->start.value != kStaging)
            draft_.add(Map{space->name, range->start, slice(one_of(draft_.buffers)), access(), false});
    }

    // ---- attach, replace, detach
    void attach(Device& d, const Domain& to) {
        if (containers() && d.domain != to.name && draft_.lane == 0 && mostly(4)) leave(d.group);
        draft_.add(Attach{d.name, to.name, !d.domain.empty() && !containers()});
    }
    /// A group must have left its container before it can join another.
    void leave(std::size_t group) {
        for (auto& d : draft_.devices)
            if (d.group == group && !d.domain.empty()) draft_.add(Detach{d.name});
    }
    /// What a look after the move is worth: something the new domain maps, or the old one did.
    void look_at(const Domain& to) {
        const auto& areas = draft_.spaces[to.space].areas;
        for (auto n = below(3); n > 0; --n)
            probe(areas.empty() || rarely(3) ? IovaRange{spot(), kPageSize} : one_of(areas).range);
    }
    void move_group() {
        auto& d = any_device();
        const auto* to = target();
        if (to == nullptr) return;
        if (mostly(3)) dma();
        attach(d, *to);
        look_at(*to);
    }
    /// Away and back again, and where it is already.
    void chain() {
        auto& d = any_device();
        const auto *there = target(), *back = draft_.domain(d.domain);
        if (there == nullptr) return;
        attach(d, *there);
        look_at(*there);
        if (back == nullptr || !back->alive || (destroying_ && !back->manual)) back = there;
        attach(d, *back);
        look_at(*back);
    }
    void detach() {
        auto& d = any_device();
        if (mostly(2)) dma();
        draft_.add(Detach{d.name});
        for (auto n = below(2) + 1; n > 0; --n) dma();
    }

    // ---- objects
    void make() {
        auto* space = living();
        switch (weighted({3, 2, 2})) {
            case 1:
                if (draft_.spaces.size() < 4) ioas();
                break;
            case 2: buffer(); break;
            default:
                if (space != nullptr) hwpt(*space);
                if (draft_.domains.back().manual && draft_.domains.back().alive && rarely(2))
                    attach(any_device(), draft_.domains.back());
        }
    }
    void destroy() {
        auto* what = target();
        if (what == nullptr) return;
        if (mostly(3)) dma();
        draft_.add(Destroy{what->name});
        if (mostly(2)) dma();
        if (!what->alive && lanes_ == 0) ask_the_dead(*what);
    }
    /// At once, while nothing else can have been given its id.
    void ask_the_dead(const Domain& what) {
        const auto spot = this->spot();
        for (auto n = below(3); n > 0; --n) {
            switch (below(what.manual ? 2 : 5)) {
                case 1: draft_.add(Attach{any_device().name, what.name, false}); break;
                case 2: draft_.add(Unmap{what.name, IovaRange{spot, kPageSize}}); break;
                case 3: draft_.add(Ranges{what.name}); break;
                case 4:
                    draft_.add(Map{what.name, spot, {one_of(draft_.buffers).name, {}}, {true, true}, false});
                    break;
                default: draft_.add(Destroy{what.name});
            }
        }
    }
    void settings() {
        auto* space = living();
        if (space == nullptr) return;
        const auto at = spot();
        if (containers()) return draft_.add(Ranges{space->name});
        switch (weighted({4, 2, 2, 1, 1})) {
            case 1: draft_.add(Option{space->name, below(2) == 1}); break;
            case 2: draft_.add(Allow{space->name, {{at, kPageSize * (1 + below(8))}}}); break;
            case 3: draft_.add(Allow{space->name, {}}); break;
            case 4:
                draft_.add(Allow{space->name, {{at, 2 * kPageSize}, {at + kPageSize * below(4), kPageSize}}});
                break;
            default: draft_.add(Ranges{space->name});
        }
    }

    // ---- the device itself
    using Control = DeviceControl::Verb;
    void control() {
        auto& d = any_device();
        if (rarely(2) && has("reset") && !d.pump) return draft_.add(DeviceControl{Control::reset, d.name});
        if (d.busy) return;
        if (!d.open) return draft_.add(DeviceControl{Control::open, d.name});
        if (rarely(6)) return draft_.add(DeviceControl{Control::open, d.name});
        draft_.add(DeviceControl{Control::close, d.name});
        if (rarely(3)) draft_.add(Detach{d.name});
        if (rarely(3)) draft_.add(DeviceControl{Control::close, d.name});
        for (auto n = below(2); n > 0; --n) dma();
        if (mostly(6)) draft_.add(DeviceControl{Control::open, d.name});
        if (d.open && target() != nullptr && mostly(3)) attach(d, *target());
    }
    void rest() { draft_.add(Sleep{{1000 * (1 + below(100))}}); }

    // ---- at the same time
    void in_flight(unsigned depth) {
        auto* d = idle();
        if (d == nullptr || !options_.background) return dma();
        draft_.add(Start{request(*d, aim(*d), true)});
        move(depth + 1);
        draft_.add(Wait{d->name});
    }
    void pumped(unsigned depth) {
        auto* d = idle();
        if (d == nullptr || !options_.background) return dma();
        draft_.add(Pump{request(*d, aim(*d), true)});
        for (auto n = 1 + below(3); n > 0; --n) move(depth + 1);
        draft_.add(Halt{d->name});
    }
    /// Devices are opened, closed and reset on their own: what a step beside that meets is nowhere written.
    /// Where an object is destroyed nothing is made beside it, that might be given its id.
    void side_by_side() {
        if (!options_.lanes) return dma();
        if (rarely(4)) return tug_of_war();
        draft_.certain = false;
        lanes_ = 2 + below(2);
        destroying_ = rarely(4);
        for (draft_.lane = 1; draft_.lane <= lanes_; ++draft_.lane)
            for (auto n = 1 + below(2); n > 0; --n) lane_step();
        lanes_ = draft_.lane = 0;
        destroying_ = false;
        for (auto n = below(3); n > 0; --n) dma();
    }
    /// All members of a group are moved at the same time, each to somewhere else, and look where they are.
    void tug_of_war() {
        const auto group = any_device().group;
        if (target() == nullptr) return;
        draft_.certain = false;
        for (auto& d : draft_.devices)
            if (d.group == group && ++draft_.lane <= kMaxLane) attach(d, *target());
        draft_.lane = 0;
        for (const auto& d : draft_.devices)
            if (d.group == group && d.open && !d.busy) draft_.add(View{d.name});
    }
    void lane_step() {
        auto* space = living();
        const auto* to = target();
        switch (weighted({4, 3, 3, 3, 1, 1, 1, 1})) {
            case 1:
                if (space != nullptr) map(*space);
                break;
            case 2:
                if (space != nullptr) draft_.add(Unmap{space->name, condemned(*space)});
                break;
            case 3:
                if (to != nullptr) attach(any_device(), *to);
                break;
            case 4: draft_.add(Detach{any_device().name}); break;
            case 5:
                if (destroying_)
                    destroy();
                else if (space != nullptr)
                    hwpt_for_later(*space);
                break;
            case 6: copy(); break;
            case 7: view(); break;
            default: dma();
        }
    }
    /// What a lane makes the others do not know; the block passed, nobody is sure that it was made.
    void hwpt_for_later(const Space& space) {
        const auto before = draft_.domains.size();
        hwpt(space);
        draft_.domains.resize(before);
    }

    void move(unsigned depth) {
        switch (
            weighted({8, 6, 8, 9, 2, 2, 3, 3, 2, 2, 2, 4, 3, 3, depth < 2 ? 3U : 0, depth < 2 ? 3U : 0, 1})) {
            case 1: return map_and_look();
            case 2: return unmap();
            case 3: return move_group();
            case 4: return detach();
            case 5: return view();
            case 6: return copy();
            case 7: return make();
            case 8: return destroy();
            case 9: return control();
            case 10: return settings();
            case 11: return chain();
            case 12: return side_by_side();
            case 13: return probe({spot(), kPageSize});
            case 14: return in_flight(depth);
            case 15: return pumped(depth);
            case 16: return rest();
            default: return dma();
        }
    }
    /// Whatever went wrong before, somebody's DMA is where it should not be.
    void last_look() {
        for (const auto& d : draft_.devices) {
            if (!d.open) continue;
            draft_.add(View{d.name});
            draft_.add(Dma{request(d, aim(d))});
        }
        if (has("witness") && rarely(8)) draft_.add(Witness{});  // as every run ends with one, few need it
    }

    [[nodiscard]] std::vector<Line> with_requirements() {
        std::set<std::string> features;
        for (const auto& line : draft_.lines) {
            if (const auto* m = std::get_if<Map>(line.step()); m != nullptr && m->file)
                features.insert("map-file");
            if (const auto* b = std::get_if<Buffer>(line.step()); b != nullptr && b->huge)
                features.insert("huge-buffers");
            if (const auto* c = std::get_if<DeviceControl>(line.step());
                c != nullptr && c->verb == Control::reset)
                features.insert("reset");
            if (std::get_if<Hwpt>(line.step()) != nullptr) features.insert("hwpt");
            if (std::get_if<Witness>(line.step()) != nullptr) features.insert("witness");
        }
        std::vector<Line> out;
        const auto require = [&](Require::Kind kind, std::vector<std::string> names) {
            out.emplace_back().body = Step{Require{kind, std::move(names)}};
        };
        for (const auto& group : options_.groups)
            if (group.size() > 1) require(Require::Kind::same_group, group);
        if (options_.groups.size() > 1) {
            std::vector<std::string> firsts;
            for (const auto& group : options_.groups) firsts.push_back(group.front());
            require(Require::Kind::different_groups, firsts);
        }
        for (const auto& f : features) require(Require::Kind::feature, {f});
        std::ranges::move(draft_.lines, std::back_inserter(out));
        return out;
    }

    Choices& choices_;
    const GenerateOptions& options_;
    Draft draft_;
    std::vector<std::uint64_t> spots_;
    unsigned names_ = 0;
    std::size_t lanes_ = 0;    // of the block being written; 0: none is
    bool destroying_ = false;  // in the block being written objects may be destroyed, and none are made
};

}  // namespace

Scenario generate(Choices& choices, const GenerateOptions& options) {
    return Generator(choices, options).run();
}

}  // namespace landfall
