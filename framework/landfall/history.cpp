#include "landfall/history.hpp"

#include <algorithm>
#include <ranges>

namespace landfall {
namespace {

// Spells that are over and out of every window, kept per address space and group only to tell what went
// wrong.
constexpr std::size_t kRemembered = 64;

// Cuts the range wherever something found begins or ends.
void cut(const IovaRange& range, const std::vector<Outlook::Found>& found, std::vector<Iova>& cuts) {
    cuts.assign(1, range.start);
    for (const auto& f : found) {
        cuts.push_back(f.range.start);
        if (f.range.last() != range.last()) cuts.push_back(f.range.last() + 1);
    }
    std::ranges::sort(cuts);
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
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

void Outlook::clear() {
    domains.clear();
    stretches.clear();
    candidates.clear();
    found.clear();
    may_be_shut = may_be_closed = false;
    may_be_open = true;
}

std::size_t History::group_index(std::uint32_t number) {
    const auto it = std::ranges::find(group_numbers_, number);
    const auto index = static_cast<std::size_t>(it - group_numbers_.begin());
    if (it == group_numbers_.end()) {
        group_numbers_.push_back(number);
        groups_.emplace_back().follow({}, std::nullopt, 0);
    }
    return index;
}

void History::apply(const Change& change, const std::optional<Interval>& step, unsigned line) {
    ++news_;
    std::visit(
        Overloaded{
            [&](const DeviceAppeared& c) {
                auto& device = devices_[c.device];
                device.group = group_index(c.group);
                device.gate.follow({true, {}}, std::nullopt, 0);
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
                groups_[group_index(c.group)].follow({c.space, c.domain, {}}, step, line);
            },
            [&](const DeviceDeclared& c) {
                auto& books = devices_[c.device].declared;
                if (books.empty()) books.follow({}, std::nullopt, 0);
                books.follow({c.space, c.domain, {}}, step, line);
            },
            [&](const DeviceGated& c) {
                devices_[c.device].gate.follow({c.open, {}}, step, line);
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
                      std::vector<Outlook::Found>& out) const {
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

const MappingSpell* History::Space::steady(const IovaRange& range, const Interval& window) const {
    if (!dead.empty() && (!dead.back().life.ended || dead.back().life.ended->end >= window.begin)) return nullptr;
    const auto behind = live.upper_bound(range.start);
    if (behind == live.begin()) return nullptr;
    const auto& m = std::prev(behind)->second;
    return m.area.range.contains(range) && m.life.throughout(window) ? &m : nullptr;
}

History::Watch::Watch(const History& history, const Device& device, const Interval& window)
    : history_(history), device_(device), window_(window) {
    const auto* gate = device.gate.steady(window);
    const auto* domain = history.groups_[device.group].steady(window);
    if (gate == nullptr || !gate->open || domain == nullptr || !domain->space) return;
    steady_ = domain;
    space_ = &history.spaces_.at(domain->space->value);
}

// Nearly always: nothing changed meanwhile, and one mapping covers the whole range.
bool History::Watch::look_steady(const IovaRange& range, Outlook& out) const {
    const auto* mapping = steady_ == nullptr ? nullptr : space_->steady(range, window_);
    if (mapping == nullptr) return false;
    out.domains.push_back(steady_);
    out.candidates.push_back({steady_, mapping, true});
    out.stretches.push_back({range, out.candidates});
    return true;
}

Outlook History::look(const std::string& device, const IovaRange& range, const Interval& window) const {
    Outlook out;
    Watch(*this, *find(device), window).look(range, out);
    return out;
}

void History::Watch::look(const IovaRange& range, Outlook& out) const {
    out.clear();
    if (look_steady(range, out)) return;
    out.may_be_shut = true;
    for (const auto& spell : history_.groups_[device_.group]) {
        if (!spell.life.possible_in(window_)) continue;
        out.domains.push_back(&spell);
        if (!spell.space) continue;
        if (spell.life.throughout(window_)) out.may_be_shut = false;
        history_.collect(spell, range, window_, out.found);
    }
    out.may_be_open = false;
    for (const auto& gate : device_.gate) {
        if (!gate.life.possible_in(window_)) continue;
        (gate.open ? out.may_be_open : out.may_be_shut) = true;
        if (!gate.open) out.may_be_closed = true;
    }
    out.cover(range);
}

// One stretch from each cut to the next, with the candidates that reach over it.
void Outlook::cover(const IovaRange& range) {
    cut(range, found, cuts);
    const auto reach = [&](Iova a) {
        return found | std::views::filter([a](const Found& f) { return f.range.contains(a); });
    };
    for (const auto a : cuts)
        for (const auto& f : reach(a)) candidates.push_back(f.candidate);
    const std::span<const Candidate> all = candidates;
    std::size_t first = 0;
    for (std::size_t i = 0; i < cuts.size(); ++i) {
        const auto length = i + 1 < cuts.size() ? cuts[i + 1] - cuts[i] : range.last() - cuts[i] + 1;
        const auto count = static_cast<std::size_t>(std::ranges::distance(reach(cuts[i])));
        stretches.push_back({{cuts[i], length}, all.subspan(first, count)});
        first += count;
    }
}

const Timeline<DomainSpell>& History::books_of(const Device& device) const {
    return device.declared.empty() ? groups_[device.group] : device.declared;
}

const DomainSpell* History::certainly_declared(const Device& device, const Interval& window) const {
    const auto& books = books_of(device);
    if (const auto* steady = books.steady(window)) return steady;
    const DomainSpell* only = nullptr;
    for (const auto& spell : books) {
        if (!spell.life.possible_in(window)) continue;
        if (only != nullptr) return nullptr;
        only = &spell;
    }
    return only != nullptr && only->life.throughout(window) ? only : nullptr;
}

std::vector<Estranged> History::estranged(const Interval& window) const {
    const auto throughout = [&](const Timeline<DomainSpell>& spells) {
        const auto it =
            std::ranges::find_if(spells, [&](const auto& s) { return s.life.throughout(window); });
        return it == spells.end() ? nullptr : &*it;
    };
    std::vector<Estranged> out;
    for (const auto& [name, device] : devices_) {
        if (device.declared.empty()) continue;
        const auto* told = throughout(device.declared);
        const auto* actual = throughout(groups_[device.group]);
        if (told != nullptr && actual != nullptr && told->space && told->space != actual->space)
            out.push_back({name, told, actual});
    }
    std::ranges::sort(out, {}, &Estranged::device);
    return out;
}

const DomainSpell* History::last_stay(const Device& device, SpaceId space) const {
    const DomainSpell* last = nullptr;
    for (const auto& spell : groups_[device.group])
        if (spell.space == space) last = &spell;
    return last;
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
    if (news_ < kRemembered) return;  // a few more do no harm
    news_ = 0;
    for (auto& space : spaces_)
        while (space.dead.size() > kRemembered && space.dead.front().life.ended &&
               space.dead.front().life.ended->end < before)
            space.dead.pop_front();
    for (auto& spells : groups_) spells.prune(before, kRemembered);
    for (auto& [name, device] : devices_) {
        device.gate.prune(before, kRemembered);
        device.declared.prune(before, kRemembered);
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
           group_numbers_ == other.group_numbers_ && devices_.size() == other.devices_.size() &&
           std::ranges::equal(groups_, other.groups_,
                              [&](const auto& a, const auto& b) { return same(a, b, domain); }) &&
           std::ranges::all_of(devices_, [&](const auto& entry) {
               const auto twin = other.devices_.find(entry.first);
               if (twin == other.devices_.end()) return false;
               const auto &a = entry.second, &b = twin->second;
               return same(a.gate, b.gate, [](const Device::GateSpell& s) { return s.open; }) &&
                      same(a.declared, b.declared, domain);
           });
}

std::size_t History::remembered() const {
    std::size_t n = 0;
    for (const auto& space : spaces_) n += space.dead.size();
    for (const auto& spells : groups_) n += spells.size();
    for (const auto& [name, device] : devices_) n += device.gate.size() + device.declared.size();
    return n;
}

}  // namespace landfall
