#include "landfall/traffic.hpp"

#include <algorithm>

namespace landfall {
namespace {

constexpr Nanoseconds kNever{~std::uint64_t{0}};
// Places that DMAs which were given up may still write to, kept to explain a stray byte.
constexpr std::size_t kSuspects = 64;
// Events that wait for the next step before the oldest are looked at early.
constexpr std::size_t kDeferred = 4096;

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

void Traffic::start(const DmaRequest& request, Nanoseconds begin, unsigned line, bool pump) {
    open_[request.device] = {request, {begin, kNever}, line, pump};
}

void Traffic::announce(const DmaRequest& request, const Interval& window) {
    if (written(request)) done_.push_back({request, window, 0, false});
}

std::optional<Flight> Traffic::finish(const std::string& device) {
    auto node = open_.extract(device);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
}

void Traffic::defer(const Line& line) {
    const auto entry = deferred_.emplace(line.when->end, line);
    const auto* dma = std::get_if<DmaEvent>(line.event());
    if (dma == nullptr) {
        entry->second.when->begin = std::min(latest_begin_, line.when->end);
        return;
    }
    // A pump's DMAs follow one another, so none that is still to come began before this one.
    const auto it = open_.find(dma->request.device);
    if (it != open_.end() && it->second.pump)
        it->second.window.begin = std::max(it->second.window.begin, line.when->begin);
}

void Traffic::relieve(const std::function<bool(const Line&)>& clear) {
    while (deferred_.size() > kDeferred) {
        auto node = deferred_.extract(deferred_.begin());
        if (!clear(node.mapped())) suspicious_.insert(std::move(node));
    }
}

void Traffic::settle(bool everything, const std::function<void(const Line&)>& take) {
    const auto due = [&](const auto& queue) {
        return !queue.empty() && (everything || queue.begin()->first < latest_begin_);
    };
    while (due(deferred_) || due(suspicious_)) {
        const bool second =
            !due(deferred_) || (due(suspicious_) && suspicious_.begin()->first <= deferred_.begin()->first);
        auto& queue = second ? suspicious_ : deferred_;
        const auto node = queue.extract(queue.begin());
        take(node.mapped());
    }
    if (everything) open_.clear();
}

void Traffic::landed(const DmaRequest& request, const Interval& window, const Landing& landing,
                     const Account& account) {
    if (!written(request)) return;
    // A pump repeats itself: one entry for its run is enough to say that it may have met another DMA.
    const auto same =
        std::find_if(done_.rbegin(), done_.rend(), [&](const Flight& f) { return f.request == request; });
    if (same != done_.rend())
        same->window.end = std::max(same->window.end, window.end);
    else
        done_.push_back({request, window, 0, false});
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

bool Traffic::contested(const History& history, const std::string& device, const Interval& window,
                        const Backing& memory, std::uint64_t length) const {
    const auto meets = [&](const Flight& f) {
        return f.request.device != device && may_write(history, f, window, memory, length);
    };
    if (std::ranges::any_of(done_, meets)) return true;
    if (std::ranges::any_of(open_, [&](const auto& entry) { return meets(entry.second); })) return true;
    return any_waiting([&](const DmaRequest& request, const Interval& when) {
        return meets({request, when, 0, true});
    });
}

bool Traffic::may_still_write(const History& history, Nanoseconds now, const Backing& memory,
                              std::uint64_t length) const {
    return std::ranges::any_of(
               given_up_, [&](const Suspect& s) { return overlap(s.memory, s.length, memory, length); }) ||
           std::ranges::any_of(open_, [&](const auto& entry) {
               return may_write(history, entry.second, {entry.second.window.begin, now}, memory, length);
           });
}

bool Traffic::open_at(Nanoseconds t, const std::function<bool(const std::string& device)>& of) const {
    const auto counts = [&](const DmaRequest& request, Nanoseconds begin) {
        return begin <= t && of(request.device);
    };
    return std::ranges::any_of(
               open_, [&](const auto& o) { return counts(o.second.request, o.second.window.begin); }) ||
           any_waiting(
               [&](const DmaRequest& request, const Interval& when) { return counts(request, when.begin); });
}

bool Traffic::any_waiting(const std::function<bool(const DmaRequest&, const Interval&)>& condition) const {
    const auto holds = [&](const auto& entry) {
        const auto* dma = std::get_if<DmaEvent>(entry.second.event());
        return dma != nullptr && condition(dma->request, *entry.second.when);
    };
    return std::ranges::any_of(deferred_, holds) || std::ranges::any_of(suspicious_, holds);
}

Nanoseconds Traffic::watermark() {
    auto mark = latest_begin_;
    for (const auto& [device, flight] : open_) mark = std::min(mark, flight.window.begin);
    for (const auto* waiting : {&deferred_, &suspicious_})
        for (const auto& [time, line] : *waiting) mark = std::min(mark, line.when->begin);
    std::erase_if(done_, [&](const Flight& f) { return f.window.end < mark; });
    return mark;
}

}  // namespace landfall
