#include "sim/orders.hpp"

#include <algorithm>
#include <bit>

namespace landfall::sim {
namespace {

std::uint64_t bit(ActorId id) { return std::uint64_t{1} << id.value; }

bool any_dependent(std::span<const Touch> a, std::span<const Touch> b) {
    return std::ranges::any_of(a, [&](const Touch& x) {
        return std::ranges::any_of(b, [&](const Touch& y) { return dependent(x, y); });
    });
}

bool takes_lock(const Touch& t) { return t.kind == Touch::Kind::acquire || t.kind == Touch::Kind::share; }

// Both take one lock, which they cannot share.
bool compete(std::span<const Touch> a, std::span<const Touch> b) {
    return std::ranges::any_of(a, [&](const Touch& x) {
        return takes_lock(x) &&
               std::ranges::any_of(b, [&](const Touch& y) { return takes_lock(y) && dependent(x, y); });
    });
}

template <class Clock>
void merge(Clock& into, const Clock& from) {
    for (std::size_t a = 0; a < into.size(); ++a) into[a] = std::max(into[a], from[a]);
}

bool shared(const Touch& t) { return t.kind == Touch::Kind::share; }

// Dependent, and not because of a lock or a signal: those leave no choice.
bool race(const Touch& a, const Touch& b) {
    const auto only_orders = [](const Touch& t) {
        return t.kind >= Touch::Kind::acquire && t.kind <= Touch::Kind::heed;
    };
    return !only_orders(a) && !only_orders(b) && dependent(a, b);
}

bool any_race(std::span<const Touch> a, std::span<const Touch> b) {
    return std::ranges::any_of(a, [&](const Touch& x) {
        return std::ranges::any_of(b, [&](const Touch& y) { return race(x, y); });
    });
}

std::uint64_t mix(std::uint64_t h) {
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
    h = (h ^ h >> 27) * 0x94d049bb133111eb;
    return h ^ h >> 31;
}

}  // namespace

// ---- every order
// ----------------------------------------------------------------------------------------------

// What was asleep before the step taken last, or explored instead of it, and has nothing to do with it.
std::vector<EveryOrder::Asleep> EveryOrder::still_asleep() const {
    std::vector<Asleep> out;
    if (depth_ == 0) return out;
    const auto& before = path_[depth_ - 1];
    for (const auto& a : before.asleep)
        if (a.actor != before.chosen && !any_dependent(a.touched, before.touched)) out.push_back(a);
    return out;
}

ActorId EveryOrder::choose(std::span<const ActorId> ready) {
    if (depth_ < replayed_) return path_[depth_].chosen;
    Node node;
    for (const auto id : ready) node.ready |= bit(id);
    node.asleep = still_asleep();
    const auto awake = std::ranges::find_if(ready, [&](ActorId id) {
        return std::ranges::find(node.asleep, id, &Asleep::actor) == node.asleep.end();
    });
    if (awake == ready.end()) throw Covered();
    node.chosen = *awake;
    node.wanted = bit(node.chosen);
    path_.push_back(std::move(node));
    return path_.back().chosen;
}

void EveryOrder::executed(ActorId, std::span<const Touch> touched) {
    const auto at = depth_++;
    if (at + 1 < replayed_) return;  // as before
    auto& node = path_[at];
    node.touched.assign(touched.begin(), touched.end());
    order(node);
    look_for_races(at);
}

// The step comes after all it depends on, and after all those come after.
void EveryOrder::order(Node& node) {
    const auto at = static_cast<std::size_t>(&node - path_.data());
    node.clock = {};
    std::uint32_t own = 0;  // its actor's steps before
    for (std::size_t i = at; i-- > 0;) {
        const auto& before = path_[i];
        if (before.chosen == node.chosen) own = std::max(own, before.nth);
        if (node.clock[before.chosen.value] >= before.nth) continue;
        if (before.chosen == node.chosen || any_dependent(before.touched, node.touched))
            merge(node.clock, before.clock);
    }
    node.nth = own + 1;
    node.clock[node.chosen.value] = node.nth;
}

// Steps that could as well have come after this one: those it depends on directly, and who held its lock
// before.
void EveryOrder::look_for_races(std::size_t at) {
    const auto& node = path_[at];
    Clock before{};  // what the actor's own last step came after
    for (std::size_t i = at; i-- > 0 && before[node.chosen.value] == 0;)
        if (path_[i].chosen == node.chosen) before = path_[i].clock;
    auto reached = before;  // through a step in between
    bool lock_found = false;
    for (std::size_t i = at; i-- > 0;) {
        const auto& other = path_[i];
        if (other.chosen == node.chosen) continue;
        const auto a = other.chosen.value;
        if (!lock_found && before[a] < other.nth && compete(other.touched, node.touched)) {
            lock_found =
                !std::ranges::any_of(other.touched, shared);  // of those who share it none is the last
            turn_round(i, at);
        }
        if (reached[a] >= other.nth) continue;
        if (any_race(other.touched, node.touched)) turn_round(i, at);
        if (any_dependent(other.touched, node.touched)) merge(reached, other.clock);
    }
}

// Sees to it that some interleaving has step `late` before step `early`: among what came after `early`
// without need, one that can come first is tried in its place (source sets: Abdulla, Aronis, Jonsson,
// Sagonas, POPL 2014).
void EveryOrder::turn_round(std::size_t early, std::size_t late) {
    auto& node = path_[early];
    std::vector<std::size_t> free;
    std::uint64_t seen = 0, first = 0;
    for (auto k = early + 1; k <= late; ++k) {
        const auto& step = path_[k];
        if (k != late && step.clock[node.chosen.value] >= node.nth) continue;
        const bool can_start =
            (seen & bit(step.chosen)) == 0 && std::ranges::none_of(free, [&](std::size_t j) {
                return step.clock[path_[j].chosen.value] >= path_[j].nth;
            });
        if (can_start) first |= bit(step.chosen);
        seen |= bit(step.chosen);
        free.push_back(k);
    }
    if ((first & node.wanted) != 0) return;
    first &= node.ready;
    const auto own = first & bit(path_[late].chosen);
    node.wanted |= own != 0 ? own : first != 0 ? first & (~first + 1) : node.ready;
}

bool EveryOrder::next() {
    while (!path_.empty()) {
        auto& last = path_.back();
        last.asleep.push_back({last.chosen, std::move(last.touched)});
        auto left = last.wanted;
        for (const auto& a : last.asleep) left &= ~bit(a.actor);
        if (left != 0) {
            last.chosen = {static_cast<std::uint8_t>(std::countr_zero(left))};
            last.touched.clear();
            replayed_ = path_.size();
            depth_ = 0;
            return true;
        }
        path_.pop_back();
    }
    return false;
}

std::vector<ActorId> EveryOrder::schedule() const {
    std::vector<ActorId> out;
    for (const auto& node : path_) out.push_back(node.chosen);
    return out;
}

// ---- the fingerprint
// ------------------------------------------------------------------------------------------

void Fingerprint::executed(ActorId actor, std::span<const Touch> touched) {
    using Kind = Touch::Kind;
    auto h = mix(last_[actor.value] + actor.value + 1);
    for (const auto& t : touched) {
        const auto& past = things_[t.what];
        switch (t.kind) {
            case Kind::read: h = mix(h + past.written); break;
            case Kind::write: h = mix(h + past.written + 3 * past.read); break;
            case Kind::acquire:
            case Kind::release: h = mix(h + past.held + 3 * past.shared); break;
            case Kind::share:
            case Kind::unshare: h = mix(h + past.held); break;
            case Kind::signal: h = mix(h + past.heeded); break;
            case Kind::heed: h = mix(h + past.signalled); break;
            case Kind::begin: h = mix(h + ended_); break;
            case Kind::end: h = mix(h + begun_); break;
        }
    }
    for (const auto& t : touched) {
        auto& past = things_[t.what];
        switch (t.kind) {
            case Kind::read: past.read += mix(h + 1); break;
            case Kind::write:
                past.written = h;
                past.read = 0;
                break;
            case Kind::acquire:
            case Kind::release:
                past.held = h;
                past.shared = 0;
                break;
            case Kind::share:
            case Kind::unshare: past.shared += mix(h); break;
            case Kind::signal: past.signalled += mix(h); break;
            case Kind::heed: past.heeded += mix(h); break;
            case Kind::begin: begun_ += mix(h); break;
            case Kind::end: ended_ += mix(h); break;
        }
    }
    last_[actor.value] = h;
    sum_ += mix(h + 2);
}

}  // namespace landfall::sim
