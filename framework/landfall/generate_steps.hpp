// The single steps of a random scenario: decisions, what they are about, and steps that are likely to mean something.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "landfall/draft.hpp"
#include "landfall/generate.hpp"

namespace landfall {

class StepGenerator {
  public:
    StepGenerator(Choices& choices, const GenerateOptions& options) : choices_(choices), options_(options), draft_(options.groups) {}

  protected:
    using Device = Draft::Device;
    using Space = Draft::Space;
    using Domain = Draft::Domain;
    using Verb = DmaRequest::Verb;

    static constexpr std::uint64_t kLongestDma = 4096;  // what every engine can do
    // Both sides of the ends of page tables, of the interrupt window and of the first 4 GiB. What lies below
    // 0x210000 is also where the simulated machine has its memory, so that an address nobody translated hits
    // something.
    static constexpr std::array<std::uint64_t, 12> kSpots{0x200000,   0x1ff000,   0x201000,   0x1fe000,
                                                   0x400000,   0x3ff000,   0x1000,     0x300000,
                                                   0xfedff000, 0xfef00000, 0x80000000, 0xfffff000};
    static constexpr std::uint64_t kStaging = 0x70000000;  // nothing is mapped there; the beacon's page is unmapped at times
    static constexpr std::uint64_t kIdentity = 0x1f4000, kIdentityPages = 28;

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

    void buffer() {
        Buffer b{fresh("p"), kPageSize * (1 + below(4))};
        switch (weighted({12, 2, 1, 1, 1})) {
            case 1: b.memfd = has("map-file"); break;
            case 2: b.read_only = mostly(2) ? b.whole() : BufferSlice::Span{b.size - kPageSize, kPageSize}; break;
            case 3:
                b.huge = has("huge-buffers");
                if (b.huge) b.size = kHugePage * (1 + below(2));
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
        if (b.huge && step.iova && mostly(3)) step.iova = Iova{align_down(step.iova->value, kHugePage)};
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

    Choices& choices_;
    const GenerateOptions& options_;
    Draft draft_;
    std::vector<std::uint64_t> spots_;
    unsigned names_ = 0;
    std::size_t lanes_ = 0;    ///< of the block being written; 0: none is
    bool destroying_ = false;  ///< in the block being written objects may be destroyed, and none are made
};

}  // namespace landfall
