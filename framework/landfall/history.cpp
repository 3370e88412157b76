#include "landfall/history.hpp"

#include <algorithm>
#include <ranges>

namespace landfall {
namespace {

// Spells that are over and out of every window, kept per address space and group only to tell what went
// wrong.
constexpr std::size_t kRemembered = 64;

// Ends the running spell of a timeline and starts the next.
template <class Spell>
void follow(std::deque<Spell>& timeline, Spell next, const std::optional<Interval>& step, unsigned line) {
    if (!timeline.empty() && step) {
        timeline.back().life.ended = step;
        timeline.back().life.ended_line = line;
    }
    if (!step) timeline.clear();
    next.life = {step, std::nullopt, line, 0};
    timeline.push_back(std::move(next));
}

// Drops what ended before the instant, oldest first, as long as enough is left to explain with.
template <class Spell>
void prune(std::deque<Spell>& spells, Nanoseconds before) {
    while (spells.size() > kRemembered && spells.front().life.ended &&
           spells.front().life.ended->end < before)
        spells.pop_front();
}

std::vector<Stretch> stretches_of(const IovaRange& range, const std::vector<Candidate>& one) {
    return {Stretch{range, one}};
}

bool same_place(const MappingSpell& m, Iova a, const Backing& memory) {
    if (!m.area.range.contains(a) || m.area.memory.buffer != memory.buffer) return false;
    return m.area.memory.address + (a - m.area.range.start) == memory.address;
}

}  // namespace

bool Stretch::may_block(Access wanted) const {
    return std::ranges::none_of(
        candidates, [&](const Candidate& c) { return c.certain && c.mapping->area.access.allows(wanted); });
}

void History::apply(const Change& change, const std::optional<Interval>& step, unsigned line) {
    std::visit(
        Overloaded{
            [&](const DeviceAppeared& c) {
                auto& device = devices_[c.device];
                device.group = c.group;
                follow(device.gate, {true, {}}, std::nullopt, 0);
                if (!groups_.contains(c.group)) follow(groups_[c.group], {}, std::nullopt, 0);
            },
            [&](const SpaceMade& c) {
                spaces_.resize(std::max(spaces_.size(), c.space.value + 1));
                spaces_[c.space.value].name = c.name;
            },
            [&](const AreaMapped& c) {
                spaces_.at(c.space.value).live[c.area.range.start] = {c.area, {step, std::nullopt, line, 0}};
            },
            [&](const AreaUnmapped& c) { unmap(c, step, line); },
            [&](const GroupMoved& c) {
                follow(groups_[c.group], {c.space, c.domain, {}}, step, line);
            },
            [&](const DeviceDeclared& c) {
                auto& books = devices_[c.device].declared;
                if (books.empty()) follow(books, {}, std::nullopt, 0);
                follow(books, {c.space, c.domain, {}}, step, line);
            },
            [&](const DeviceGated& c) {
                follow(devices_[c.device].gate, {c.open, {}}, step, line);
            },
        },
        change);
}

void History::unmap(const AreaUnmapped& change, const std::optional<Interval>& step, unsigned line) {
    auto& space = spaces_.at(change.space.value);
    auto node = space.live.extract(change.start);
    if (node.empty()) return;
    node.mapped().life.ended = step;
    node.mapped().life.ended_line = line;
    const auto later = [&](const MappingSpell& m) {  // only lanes take effect in another order than they end
        return step && m.life.ended && step->end < m.life.ended->end;
    };
    auto at = space.dead.end();
    while (at != space.dead.begin() && later(*std::prev(at))) --at;
    space.dead.insert(at, std::move(node.mapped()));
}

void History::collect(const DomainSpell& domain, const IovaRange& range, const Interval& window,
                      std::vector<Found>& out) const {
    const auto& space = spaces_.at(domain.space->value);
    const auto stay = domain.life.within(window);
    const bool stays = domain.life.throughout(window);
    const auto consider = [&](const MappingSpell& m) {
        if (!m.area.range.overlaps(range) || !m.life.possible_in(stay)) return;
        const Iova first = std::max(range.start, m.area.range.start),
                   last = std::min(range.last(), m.area.range.last());
        out.push_back({{first, last - first + 1}, {&domain, &m, stays && m.life.throughout(window)}});
    };
    auto it = space.live.upper_bound(range.start);
    if (it != space.live.begin()) --it;
    for (; it != space.live.end() && it->first <= range.last(); ++it) consider(it->second);
    for (auto dead = space.dead.rbegin(); dead != space.dead.rend(); ++dead) {
        if (dead->life.ended && dead->life.ended->end < stay.begin) break;
        consider(*dead);
    }
}

Outlook History::look(const std::string& device, const IovaRange& range, const Interval& window) const {
    Outlook out;
    const auto& d = devices_.find(device)->second;
    std::vector<Found> found;
    out.may_be_shut = true;
    for (const auto& spell : groups_.at(d.group)) {
        if (!spell.life.possible_in(window)) continue;
        out.domains.push_back(&spell);
        if (!spell.space) continue;
        if (spell.life.throughout(window)) out.may_be_shut = false;
        collect(spell, range, window, found);
    }
    out.may_be_open = false;
    for (const auto& gate : d.gate) {
        if (!gate.life.possible_in(window)) continue;
        (gate.open ? out.may_be_open : out.may_be_shut) = true;
        if (!gate.open) out.may_be_closed = true;
    }
    if (found.size() == 1 && found[0].range == range) {  // nearly always
        out.stretches = stretches_of(range, {found[0].candidate});
        return out;
    }
    // Cut the range wherever a mapping begins or ends.
    std::vector<Iova> cuts{range.start};
    for (const auto& f : found) {
        cuts.push_back(f.range.start);
        if (f.range.last() != range.last()) cuts.push_back(f.range.last() + 1);
    }
    std::ranges::sort(cuts);
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    for (std::size_t i = 0; i < cuts.size(); ++i) {
        const auto end = i + 1 < cuts.size() ? cuts[i + 1] - cuts[i] : range.last() - cuts[i] + 1;
        out.stretches.push_back({{cuts[i], end}, {}});
    }
    for (const auto& f : found)
        for (auto at = std::ranges::lower_bound(cuts, f.range.start);
             at != cuts.end() && *at <= f.range.last(); ++at)
            out.stretches[static_cast<std::size_t>(at - cuts.begin())].candidates.push_back(f.candidate);
    return out;
}

std::vector<const DomainSpell*> History::declared(const std::string& device, const Interval& window) const {
    const auto& d = devices_.find(device)->second;
    std::vector<const DomainSpell*> out;
    for (const auto& spell : d.declared.empty() ? groups_.at(d.group) : d.declared)
        if (spell.life.possible_in(window)) out.push_back(&spell);
    return out;
}

std::vector<Estranged> History::estranged(const Interval& window) const {
    const auto steady = [&](const std::deque<DomainSpell>& spells) {
        const auto it =
            std::ranges::find_if(spells, [&](const auto& s) { return s.life.throughout(window); });
        return it == spells.end() ? nullptr : &*it;
    };
    std::vector<Estranged> out;
    for (const auto& [name, device] : devices_) {
        const auto* told = steady(device.declared);
        const auto* actual = steady(groups_.at(device.group));
        if (told != nullptr && actual != nullptr && told->space && told->space != actual->space)
            out.push_back({name, told, actual});
    }
    return out;
}

const DomainSpell* History::last_stay(const Device& device, SpaceId space) const {
    const auto& spells = groups_.at(device.group);
    const auto it =
        std::find_if(spells.rbegin(), spells.rend(), [&](const auto& s) { return s.space == space; });
    return it == spells.rend() ? nullptr : &*it;
}

std::vector<Trail> History::whence(const std::string& device, Iova a, const Backing& memory) const {
    std::vector<Trail> out;
    const auto& d = devices_.find(device)->second;
    for (std::size_t i = 0; i < spaces_.size(); ++i) {
        const auto& space = spaces_[i];
        const auto* stay = last_stay(d, SpaceId{i});
        auto it = space.live.upper_bound(a);
        if (it != space.live.begin() && same_place((--it)->second, a, memory))
            out.push_back({space.name, &it->second, stay});
        for (auto dead = space.dead.rbegin(); dead != space.dead.rend(); ++dead)
            if (same_place(*dead, a, memory)) out.push_back({space.name, &*dead, stay});
    }
    std::ranges::stable_partition(out, [](const Trail& t) { return t.domain != nullptr; });
    return out;
}

void History::forget(Nanoseconds before) {
    for (auto& space : spaces_) prune(space.dead, before);
    for (auto& [number, spells] : groups_) prune(spells, before);
    for (auto& [name, device] : devices_) {
        prune(device.gate, before);
        prune(device.declared, before);
    }
}

// Two histories of one trace: what is over before the instant, or began before it, is the same to whoever
// asks later.
bool History::same_since(Nanoseconds before, const History& other) const {
    const auto past = [&](const std::optional<Interval>& i) { return !i || i->end < before; };
    const auto over = [&](const Lifetime& l) { return l.ended && l.ended->end < before; };
    const auto alike = [&](const Lifetime& a, const Lifetime& b) {
        return a.ended == b.ended && (a.began == b.began || (past(a.began) && past(b.began)));
    };
    const auto same = [&](const auto& a, const auto& b, const auto& what) {
        const auto open = [&](const auto& spell) { return !over(spell.life); };
        auto left = a | std::views::filter(open);
        auto right = b | std::views::filter(open);
        return std::ranges::equal(left, right, [&](const auto& x, const auto& y) {
            return alike(x.life, y.life) && what(x) == what(y);
        });
    };
    const auto domain = [](const DomainSpell& s) { return std::pair(s.space, s.domain); };
    const auto area = [](const MappingSpell& s) -> const Area& { return s.area; };
    const auto live = [](const Space& s) { return s.live | std::views::values; };
    return std::ranges::equal(spaces_, other.spaces_,
                              [&](const Space& a, const Space& b) {
                                  return a.name == b.name && same(a.dead, b.dead, area) &&
                                         same(live(a), live(b), area);
                              }) &&
           std::ranges::equal(groups_, other.groups_,
                              [&](const auto& a, const auto& b) {
                                  return a.first == b.first && same(a.second, b.second, domain);
                              }) &&
           std::ranges::equal(devices_, other.devices_, [&](const auto& a, const auto& b) {
               return a.first == b.first &&
                      same(a.second.gate, b.second.gate, [](const GateSpell& s) { return s.open; }) &&
                      same(a.second.declared, b.second.declared, domain);
           });
}

std::size_t History::remembered() const {
    std::size_t n = 0;
    for (const auto& space : spaces_) n += space.dead.size();
    for (const auto& [number, spells] : groups_) n += spells.size();
    for (const auto& [name, device] : devices_) n += device.gate.size() + device.declared.size();
    return n;
}

}  // namespace landfall
