#include "landfall/lane_steady.hpp"

#include <algorithm>

namespace landfall {
namespace {

constexpr std::uint64_t kLongestRun = 20'000'000;  // ns of one run: the judge waits for it
constexpr std::uint64_t kFew = 4;               // DMAs of a run that was not worth its beginning
constexpr std::uint64_t kMostWanted = 1024;

bool whole(const Landing& l, const std::vector<Segment>& places) {
    return l.status == Landing::Status::done && l.also.empty() && !places.empty() &&
           std::ranges::all_of(places, [](const Segment& s) { return s.place.has_value(); });
}

}  // namespace

Lane::Steady::Steady(Lane& lane, const Pump& pump) : lane_(lane), pump_(pump), wanted_(pump.pieces()) {
    const auto cells = 2 * pump.pieces();
    const auto most = lane.payloads_.memory.size() / lane.room_;
    const bool apart = lane.slots_ <= pump.pieces();  // no two under way go to one place
    if (pump.request.verb == DmaRequest::Verb::copy || pump.every.value != 0 || !apart || cells > most) return;
    places_.resize(pump.pieces());
    for (std::size_t i = 0; i < cells; ++i) cells_.push_back({pump.piece(i), lane.place_of(i)});
}

bool Lane::Steady::undisturbed() const {
    const auto& b = lane_.bustle_;
    // In this order: a change that began before the first look is still under way at the second, or over.
    return b.changes == seen_ && b.changing == 0 && !b.doubtful;
}

std::size_t Lane::Steady::piece_of(const DmaRequest& request) const {
    return (request.range.start.value - pump_.request.range.start.value) / request.range.length;
}

void Lane::Steady::saw(const Done& done) {
    if (cells_.empty()) return;
    if (const auto changes = lane_.bustle_.changes.load(); changes != std::exchange(seen_, changes)) landed_ = 0;
    const auto& places = writes() ? done.landing.lands : done.landing.from;
    landed_ = whole(done.landing, places) ? landed_ + 1 : 0;
    places_[piece_of(done.request)] = places;
}

std::uint64_t Lane::Steady::run(std::uint64_t& n, const Report& report) {
    Course course;
    course.first = n;
    load();
    go(course);
    n += course.started;
    tell(course, report);
    leave(course);
    wanted_ = course.good >= kFew ? pump_.pieces() : std::min(2 * wanted_, kMostWanted);
    if (course.good < kFew) landed_ = 0;
    return course.good;
}

void Lane::Steady::load() {
    for (auto& cell : cells_) {
        cell.sequence = lane_.arena_.next_sequence();
        const Flight flight{cell.request, cell.sequence, {}, 0, false, cell.payload};
        cell.copy = lane_.prepare(flight);
        cell.memory = lane_.payload(flight);
        const auto& places = places_[piece_of(cell.request)];
        cell.words = writes() ? Arena::content(cell.memory) : lane_.arena_.content(places, cell.memory.size());
        cell.spot = lane_.arena_.spot(places);
    }
    auto& bustle = lane_.bustle_;
    const std::lock_guard lock(bustle.mutex);
    bustle.flying += static_cast<int>(lane_.slots_);
    alone_ = bustle.flying == 1;
    nth_ = ++bustle.started;
    for (const auto& cell : cells_) bustle.open.push_back(cell.sequence);
}

bool Lane::Steady::alike(const Cell& cell) const {
    return (writes() || Arena::holds(cell.memory, cell.words)) && Arena::stands(cell.spot, cell.words);
}

void Lane::Steady::go(Course& c) {
    c.begin = c.end = lane_.target_.now();
    start(c, lane_.slots_);
    while (judge(c) && !lane_.stop_ && c.end.value - c.begin.value < kLongestRun) start(c, lane_.burst());
}

void Lane::Steady::start(Course& c, std::size_t count) {
    copies_.clear();
    for (; copies_.size() < count; ++c.started) {
        auto& next = cell(c, c.started);
        next.begin = c.end;
        copies_.push_back(next.copy);
    }
    lane_.engine_->start_all(copies_);
}

bool Lane::Steady::judge(Course& c) {
    auto& engine = *lane_.engine_;
    const auto limit = engine.limits().limit;
    const auto burst = lane_.burst();
    std::uint64_t alike = 0;
    for (c.others.clear(); c.others.size() < burst;) {
        const auto& arrival = c.others.emplace_back(engine.wait(limit));
        if (arrival != Landing::Status::done || !this->alike(cell(c, c.good + alike))) break;
        ++alike;
    }
    const auto now = lane_.target_.now();
    // After the clock: a change that has begun by now may have begun before it.
    if (!undisturbed()) return false;
    c.others.erase(c.others.begin(), c.others.begin() + static_cast<std::ptrdiff_t>(alike));
    c.end = now;
    // No stamp is 0: the next one to arrive here is seen to.
    for (; alike > 0; --alike, ++c.good)
        if (!writes()) std::ranges::fill(cell(c, c.good).memory, std::byte{0});
    return c.others.empty();
}

// One line for each piece.
void Lane::Steady::tell(const Course& c, const Report& report) {
    const auto pieces = pump_.pieces();
    for (std::uint64_t i = 0; i < std::min(c.good, pieces); ++i) {
        const auto times = (c.good - i + pieces - 1) / pieces;
        const auto& first = cell(c, i);
        const auto& last = cell(c, i + (times - 1) * pieces);
        if (writes()) lane_.arena_.keep(last.spot, last.words);
        Landing landing{Landing::Status::done, first.sequence, {}, {}, {}};
        (writes() ? landing.lands : landing.from) = places_[piece_of(first.request)];
        report({first.request, std::move(landing), {c.begin, c.end}, times});
    }
}

// What is under way, or was unlike, is for the lane to see through.
void Lane::Steady::leave(const Course& c) {
    auto& bustle = lane_.bustle_;
    for (auto n = c.good; n < c.started; ++n) {
        const auto& cell = this->cell(c, n);
        lane_.flights_.push_back({cell.request, cell.sequence, cell.begin, nth_, alone_, cell.payload});
        if (n - c.good < c.others.size()) lane_.flights_.back().arrival = c.others[n - c.good];
    }
    if (const auto n = c.others.size(); n > 0 && c.others.back().status != Landing::Status::done)
        lane_.give_up(lane_.flights_[n - 1]);
    const std::lock_guard lock(bustle.mutex);
    bustle.flying += static_cast<int>(lane_.flights_.size()) - static_cast<int>(lane_.slots_);
    std::erase_if(bustle.open, [&](std::uint64_t sequence) {
        const auto is = [&](const auto& of) { return of.sequence == sequence; };
        return std::ranges::any_of(cells_, is) && std::ranges::none_of(lane_.flights_, is);
    });
}

}  // namespace landfall
