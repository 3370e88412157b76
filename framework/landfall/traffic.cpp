#include "landfall/traffic.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

namespace landfall {
namespace {

constexpr Nanoseconds kNever{~std::uint64_t{0}};
// Places that DMAs which were given up may still write to, kept to explain a stray byte.
constexpr std::size_t kSuspects = 64;
// Events that wait for the next step before the oldest are looked at early.
constexpr std::size_t kDeferred = 4096;
// Events done with before their place is used again: few enough to stay in the cache.
constexpr std::size_t kTaken = 256;

Nanoseconds end_of(const Line& event) { return event.when->end; }

bool overlap(const Backing& a, std::uint64_t a_length, const Backing& b, std::uint64_t b_length) {
    return a.buffer == b.buffer && a.address < b.address + b_length && b.address < a.address + a_length;
}

bool may_write(const History& history, const Flight& flight, const Interval& window, const Backing& memory,
               std::uint64_t length) {
    const auto range = written(flight.request);
    if (!range || !flight.window.overlaps(window)) return false;
    const Interval both{std::max(flight.window.begin, window.begin), std::min(flight.window.end, window.end)};
    for (const auto& s : history.look(flight.request.device, *range, both).stretches)
        for (const auto& c : s.candidates)
            if (overlap(c.at(s.range.start), s.range.length, memory, length)) return true;
    return false;
}

}  // namespace

Line& EventQueue::insert(Line&& event) {
    const bool in_order = empty() || end_of(lines_.back()) <= end_of(event);
    const auto place = in_order ? end() : std::ranges::upper_bound(begin(), end(), end_of(event), {}, end_of);
    return *lines_.insert(place, std::move(event));
}

void EventQueue::pop_front() {
    ++taken_;
    if (taken_ < kTaken && taken_ < lines_.size()) return;
    lines_.erase(lines_.begin(), begin());
    taken_ = 0;
}

void Traffic::start(const DmaRequest& request, Nanoseconds begin, unsigned line, bool pump) {
    courses_[request.device].open = Flight{request, {begin, kNever}, line, pump};
}

void Traffic::announce(const DmaRequest& request, const Interval& window) {
    if (written(request)) courses_[request.device].done.push_back({request, window, 0, false});
}

std::optional<unsigned> Traffic::moved_within(const Interval& window) const {
    const auto within = [&](const Move& m) { return m.when.begin < window.end && window.begin < m.when.end; };
    const auto it = std::ranges::find_if(moves_, within);
    return it == moves_.end() ? std::nullopt : std::optional(it->line);
}

std::optional<Flight> Traffic::finish(const std::string& device) {
    const auto it = courses_.find(device);
    return it == courses_.end() ? std::nullopt : std::exchange(it->second.open, std::nullopt);
}

void Traffic::defer(Line&& line) {
    auto& event = deferred_.insert(std::move(line));
    const auto* dma = std::get_if<DmaEvent>(event.event());
    if (dma == nullptr) {
        event.when->begin = std::min(latest_begin_, event.when->end);
        return;
    }
    // A pump's DMAs follow one another, so none that is still to come began before this one.
    const auto it = courses_.find(dma->request.device);
    if (it != courses_.end() && it->second.open && it->second.open->pump)
        it->second.open->window.begin = std::max(it->second.open->window.begin, event.when->begin);
}

void Traffic::relieve(const std::function<bool(const Line&)>& clear) {
    while (deferred_.size() > kDeferred) {
        const auto& oldest = deferred_.front();
        if (!clear(oldest)) suspicious_.emplace(end_of(oldest), oldest);
        deferred_.pop_front();
    }
}

void Traffic::settle(bool everything, const std::function<void(const Line&)>& take) {
    const auto due = [&](Nanoseconds end) { return everything || end < latest_begin_; };
    while (true) {
        const auto first = deferred_.empty() ? std::nullopt : std::optional(end_of(deferred_.front()));
        if (!suspicious_.empty() && (!first || suspicious_.begin()->first <= *first)) {
            if (!due(suspicious_.begin()->first)) break;
            take(suspicious_.extract(suspicious_.begin()).mapped());
        } else {
            if (!first || !due(*first)) break;
            take(deferred_.front());  // it meets no DMA of its own device
            deferred_.pop_front();
        }
    }
    if (everything)
        for (auto& [device, course] : courses_) course.open.reset();
}

void Traffic::landed(const DmaRequest& request, const Interval& window, const Landing& landing,
                     const Account& account) {
    if (!written(request)) return;
    // A pump repeats itself: one entry for its run is enough to say that it may have met another DMA.
    auto& course = courses_[request.device];
    auto& done = course.done;
    course.last_end = std::max(course.last_end, window.end);
    const auto same =
        std::find_if(done.rbegin(), done.rend(), [&](const Flight& f) { return f.request == request; });
    if (same != done.rend())
        same->window.end = std::max(same->window.end, window.end);
    else
        done.push_back({request, window, 0, false});
    if (landing.status == Landing::Status::done) {
        // A device whose source was blocked may have written other bytes than those that were looked for.
        for (const auto& p : account.pieces)
            if (p.access.write && !p.place)
                for (const auto& c : p.candidates) given_up_.push_back({c.at(p.iova.start), p.iova.length});
    } else {
        for (const auto& s : account.write.stretches)
            for (const auto& c : s.candidates) given_up_.push_back({c.at(s.range.start), s.range.length});
    }
    while (given_up_.size() > kSuspects) given_up_.pop_front();
}

bool Traffic::contested(const History& history, const DmaRequest& request, const Interval& window,
                        const Backing& memory, std::uint64_t length) const {
    const auto meets = [&](const Flight& f) { return may_write(history, f, window, memory, length); };
    // Those of its own device came before it, but for those that were under way together, which never go to one place.
    const auto own = [&](const Flight& f) { return !f.request.range.overlaps(request.range) && meets(f); };
    for (const auto& [name, course] : courses_) {
        if (name == request.device) {
            if (window.begin < course.last_end && std::ranges::any_of(course.done, own)) return true;
        } else if (std::ranges::any_of(course.done, meets) || (course.open && meets(*course.open))) {
            return true;
        }
    }
    return any_waiting([&](const DmaRequest& other, const Interval& when) {
        const Flight flight{other, when, 0, true};
        return other.device == request.device ? own(flight) : meets(flight);
    });
}

bool Traffic::may_still_write(const History& history, Nanoseconds now, const Backing& memory,
                              std::uint64_t length) const {
    return std::ranges::any_of(
               given_up_, [&](const Suspect& s) { return overlap(s.memory, s.length, memory, length); }) ||
           std::ranges::any_of(courses_, [&](const auto& entry) {
               const auto& open = entry.second.open;
               return open && may_write(history, *open, {open->window.begin, now}, memory, length);
           });
}

bool Traffic::open_at(Nanoseconds t, const std::function<bool(const std::string& device)>& of) const {
    const auto counts = [&](const DmaRequest& request, Nanoseconds begin) {
        return begin <= t && of(request.device);
    };
    return std::ranges::any_of(courses_,
                               [&](const auto& entry) {
                                   const auto& open = entry.second.open;
                                   return open && counts(open->request, open->window.begin);
                               }) ||
           any_waiting(
               [&](const DmaRequest& request, const Interval& when) { return counts(request, when.begin); });
}

bool Traffic::any_waiting(const std::function<bool(const DmaRequest&, const Interval&)>& condition) const {
    const auto holds = [&](const Line& line) {
        const auto* dma = std::get_if<DmaEvent>(line.event());
        return dma != nullptr && condition(dma->request, *line.when);
    };
    return std::ranges::any_of(deferred_, holds) || std::ranges::any_of(suspicious_ | std::views::values, holds);
}

Nanoseconds Traffic::watermark() {
    auto mark = latest_begin_;
    for (const auto& [device, course] : courses_)
        if (course.open) mark = std::min(mark, course.open->window.begin);
    for (const auto& line : deferred_) mark = std::min(mark, line.when->begin);
    for (const auto& [time, line] : suspicious_) mark = std::min(mark, line.when->begin);
    for (auto& [device, course] : courses_)
        std::erase_if(course.done, [&](const Flight& f) { return f.window.end < mark; });
    while (!moves_.empty() && moves_.front().when.end < mark) moves_.pop_front();
    return mark;
}

}  // namespace landfall
