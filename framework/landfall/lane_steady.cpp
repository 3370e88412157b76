#include "landfall/lane_steady.hpp"

#include <algorithm>
#include <bit>

namespace landfall {
namespace {

constexpr std::uint64_t kLongest = 20'000'000;  // ns of one run: the judge waits for it
constexpr std::uint64_t kFew = 4;               // DMAs of a run that was not worth its beginning
constexpr std::uint64_t kMostWanted = 1024;

bool whole(const Landing& l, const std::vector<Segment>& places) {
    return l.status == Landing::Status::done && l.also.empty() && !places.empty() &&
           std::ranges::all_of(places, [](const Segment& s) { return s.place.has_value(); });
}

// Short payloads share a page, and none lies across two.
std::uint64_t room_for(std::uint64_t length) {
    constexpr std::uint64_t kLeast = 64;
    return length < kPageSize ? std::bit_ceil(std::max(length, kLeast)) : align_up(length, kPageSize);
}

}  // namespace

Lane::Steady::Steady(Lane& lane, const Pump& pump) : lane_(lane), pump_(pump), wanted_(pump.pieces()) {
    const auto room = room_for(pump.piece(0).range.length);
    const auto cells = 2 * pump.pieces();
    const auto most = (writes() ? 2 : 1) * kPayloadBytes / room;
    const bool apart = lane.slots_ <= pump.pieces();  // no two under way go to one place
    if (pump.request.verb == DmaRequest::Verb::copy || pump.every.value != 0 || !apart || cells > most) return;
    places_.resize(pump.pieces());
    for (std::size_t i = 0; i < cells; ++i) cells_.push_back({pump.piece(i), i * room});
}

bool Lane::Steady::undisturbed() const {
    const auto& b = lane_.bustle_;
    // In this order: a change that began before the first look is still under way at the second, or over.
    return b.changes == seen_ && b.changing == 0 && !b.doubtful;
}

std::size_t Lane::Steady::piece_of(const DmaRequest& request) const {
    return (request.range.start.value - pump_.request.range.start.value) / request.range.length;
}

void Lane::Steady::saw(const DmaRequest& request, const Done& done) {
    if (cells_.empty()) return;
    if (const auto changes = lane_.bustle_.changes.load(); changes != std::exchange(seen_, changes)) landed_ = 0;
    const auto& places = writes() ? done.landing.lands : done.landing.from;
    landed_ = whole(done.landing, places) ? landed_ + 1 : 0;
    places_[piece_of(request)] = places;
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
        cell.memory = lane_.payload(writes() ? lane_.out_ : lane_.in_, flight);
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
    auto& engine = *lane_.engine_;
    const auto limit = engine.limits().limit;
    const auto following = [&](Cell* cell) { return cell == &cells_.back() ? cells_.data() : cell + 1; };
    auto* oldest = &cell(c, 0);
    auto* next = oldest;
    c.begin = c.end = lane_.target_.now();
    for (; !lane_.stop_ && c.end.value - c.begin.value < kLongest; oldest = following(oldest)) {
        for (; c.started - c.good < lane_.slots_; ++c.started, next = following(next)) {
            next->begin = c.end;
            engine.start(next->copy);
        }
        const auto status = engine.wait(limit);
        const bool alike = status == Landing::Status::done && this->alike(*oldest);
        const auto now = lane_.target_.now();
        // After the clock: a change that has begun by now may have begun before it.
        if (!alike || !undisturbed()) {
            c.unlike = status;
            return;
        }
        // No stamp is 0: the next one to arrive here is seen to.
        if (!writes()) std::ranges::fill(oldest->memory, std::byte{0});
        c.end = now;
        ++c.good;
    }
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
        report(first.request, {std::move(landing), {c.begin, c.end}, times});
    }
}

// What is under way, or was unlike, is for the lane to see through.
void Lane::Steady::leave(const Course& c) {
    auto& bustle = lane_.bustle_;
    const auto left = [&](std::uint64_t n) {
        const auto& cell = this->cell(c, n);
        return Flight{cell.request, cell.sequence, cell.begin, nth_, alone_, cell.payload};
    };
    for (auto n = c.good + (c.unlike ? 1 : 0); n < c.started; ++n) lane_.flights_.push_back(left(n));
    if (c.unlike) {
        auto first = left(c.good);
        first.status = c.unlike;
        if (c.unlike != Landing::Status::done) lane_.give_up(first);
        lane_.flights_.push_front(std::move(first));
    }
    const std::lock_guard lock(bustle.mutex);
    bustle.flying += static_cast<int>(lane_.flights_.size()) - static_cast<int>(lane_.slots_);
    std::erase_if(bustle.open, [&](std::uint64_t sequence) {
        const auto is = [&](const auto& of) { return of.sequence == sequence; };
        return std::ranges::any_of(cells_, is) && std::ranges::none_of(lane_.flights_, is);
    });
}

}  // namespace landfall
