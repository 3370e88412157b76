#include "landfall/lane.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall {
namespace {

StagingSlice part(const StagingSlice& slice, std::size_t offset, std::size_t length) {
    return {slice.memory.subspan(offset, length), slice.iova + offset};
}

}  // namespace

Lane::Lane(Target& target, DeviceId device, Arena& arena, StagingSlice slice, Bustle& bustle)
    : target_(target),
      device_(device),
      arena_(arena),
      slice_(part(slice, 0, kEngineBytes)),
      payloads_(part(slice, kEngineBytes, slice.memory.size() - kEngineBytes)),
      bustle_(bustle) {}

Lane::~Lane() { close(); }

void Lane::open() {
    engine_ = target_.engine(device_, slice_);
    forget();
}

void Lane::close() {
    stop_pump();
    while (in_flight()) (void)wait();
    engine_.reset();
}

void Lane::bring_up() {
    if (ready_ || tried_) return;
    tried_ = target_.now();
    ready_ = engine_->reset();
}

std::string Lane::refusal(const DmaRequest& request) {
    if (!engine_) return fmt::format("{} is not open, or no engine drives it", request.device);
    bring_up();
    const auto l = engine_->limits();
    const auto most = std::min<std::uint64_t>(l.max_length, kLongest);
    const auto n = request.range.length;
    if (n < l.min_length || n > most)
        return fmt::format("{}'s engine copies {} to {} bytes at once, not {}", request.device, l.min_length, most, n);
    if (n % l.granule != 0)
        return fmt::format("{}'s engine copies multiples of {} bytes, not {}", request.device, l.granule, n);
    const auto target = request.target.value_or(request.range.start);
    if (request.range.start.value % l.alignment != 0 || target.value % l.alignment != 0)
        return fmt::format("{}'s engine copies at multiples of {} bytes", request.device, l.alignment);
    if (request.verb != DmaRequest::Verb::read && target < l.first_destination)
        return fmt::format("{}'s engine cannot write below {}", request.device, hex_str(l.first_destination.value));
    if (request.range.last() > l.last_address || target + (n - 1) > l.last_address)
        return fmt::format("{}'s engine reaches {} at most", request.device, hex_str(l.last_address.value));
    return {};
}

std::span<std::byte> Lane::payload(const Flight& flight) const {
    return payloads_.memory.subspan(flight.payload, flight.request.range.length);
}

CopyRequest Lane::copy_of(const DmaRequest& request, std::size_t payload) const {
    const auto length = static_cast<std::uint32_t>(request.range.length);
    switch (request.verb) {
        case DmaRequest::Verb::write: return {payloads_.iova + payload, request.range.start, length, true};
        case DmaRequest::Verb::read: return {request.range.start, payloads_.iova + payload, length, false};
        case DmaRequest::Verb::copy: break;
    }
    return {request.range.start, request.target.value_or(Iova{}), length, false};
}

CopyRequest Lane::prepare(const Flight& flight) {
    // Stamps that stand in no buffer: if a read finds them still there afterwards, nothing arrived.
    if (flight.request.verb != DmaRequest::Verb::copy) arena_.stamp(payload(flight), flight.sequence);
    return copy_of(flight.request, flight.payload);
}

void Lane::start(const DmaRequest& request) {
    Flight flight{request, arena_.next_sequence(), {}, 0, false, place_of(next_slot_++ % slots_)};
    {
        const std::lock_guard lock(bustle_.mutex);
        flight.began_alone = ++bustle_.flying == 1;
        flight.nth = ++bustle_.started;
        bustle_.open.push_back(flight.sequence);
    }
    if (bustle_.doubtful) arena_.scrub();
    const auto copy = prepare(flight);
    flight.begin = target_.now();
    bring_up();
    if (const auto since = std::exchange(tried_, std::nullopt)) flight.begin = *since;
    if (ready_) engine_->start(copy);
    else flight.arrival = Landing::Status::timeout;  // the device could not be brought up, so nothing was started
    flights_.push_back(std::move(flight));
}

Landing::Status Lane::land(Flight& flight) {
    if (!flight.arrival) {
        flight.arrival = engine_->wait(engine_->limits().limit);
        if (flight.arrival->status != Landing::Status::done) give_up(flight);
    }
    if (flight.arrival->elsewhere) move(flight, *flight.arrival->elsewhere);
    return flight.arrival->status;
}

void Lane::move(Flight& flight, Iova elsewhere) const {
    switch (auto& r = flight.request; r.verb) {
        case DmaRequest::Verb::write: r.range.start = elsewhere; break;
        case DmaRequest::Verb::copy: r.target = elsewhere; break;
        case DmaRequest::Verb::read: flight.payload = elsewhere.value - payloads_.iova.value; break;
    }
}

// A device that has failed is reset, which is the end of all that it had under way. Of those that did not succeed some may have
// been started when it had failed already, which was seen only now: what stopped them came at any time since this one began.
void Lane::give_up(const Flight& failed) {
    for (auto& other : flights_) {
        if (other.arrival) continue;
        other.arrival = engine_->wait(engine_->limits().limit);
        if (other.arrival->status != Landing::Status::done) other.begin = failed.begin;
    }
    ready_ = engine_->reset();
}

Lane::Done Lane::wait() {
    auto flight = std::move(flights_.front());
    flights_.pop_front();
    const auto status = land(flight);
    // Only now is the device certain to be done with this DMA, whatever it reported.
    Done done{flight.request, {status, flight.sequence, {}, {}, {}}, {flight.begin, {}}};
    look(flight, done.landing);
    // What was found is what another device had left of it by now, so the DMA's time ends here and not before the look.
    done.when.end = target_.now();
    {
        const std::lock_guard lock(bustle_.mutex);
        std::erase(bustle_.open, flight.sequence);
    }
    --bustle_.flying;
    return done;
}

bool Lane::alone(const Flight& flight) const {
    return flight.began_alone && bustle_.flying == 1 && bustle_.started == flight.nth && !bustle_.doubtful;
}

void Lane::look(const Flight& flight, Landing& landing) {
    const auto& r = flight.request;
    if (r.verb == DmaRequest::Verb::read) {
        landing.from = arena_.origin(Arena::content(payload(flight)), r.range.start);
        return;
    }
    // Who is alone takes what has changed for its own, so nobody else may start until that is accounted for.
    std::unique_lock lock(bustle_.mutex);
    const bool alone = this->alone(flight);
    auto others = bustle_.open;
    std::erase(others, flight.sequence);
    if (!alone) lock.unlock();
    if (r.verb == DmaRequest::Verb::write) look_at_write(flight, alone, landing);
    else look_at_copy(flight, alone, others, landing);
}

void Lane::look_at_write(const Flight& flight, bool alone, Landing& landing) {
    const auto& range = flight.request.range;
    const auto sent = Arena::content(payload(flight));
    auto found = arena_.landed(sent, range.start, {alone, {}, false});
    landing.lands = std::move(found.places);
    landing.also = std::move(found.also);
    const auto gap = [](const Segment& s) { return !s.place.has_value(); };
    if (!alone && std::ranges::any_of(landing.lands, gap)) bustle_.doubtful = true;
}

// What a copy carried is known only from where it landed: the words that changed. Its own stamps stand nowhere.
void Lane::look_at_copy(const Flight& flight, bool alone, const std::vector<std::uint64_t>& others, Landing& landing) {
    const auto& r = flight.request;
    const auto length = r.range.length;
    auto found = arena_.landed(arena_.stamps(flight.sequence, length), *r.target, {true, others, true});
    landing.lands = std::move(found.places);
    landing.also = std::move(found.also);
    if (landing.lands.size() == 1 && !landing.lands[0].place) return;
    landing.from = arena_.origin(arena_.content(landing.lands, length), r.range.start, landing.lands);
    // Among other DMA, changed words that are no copy of anything may be another device's: they are left to a sweep.
    const auto unknown = [](const Segment& s) { return !s.place.has_value(); };
    if (!alone && std::ranges::any_of(landing.from, unknown)) {
        bustle_.doubtful = true;
        landing.from.clear();
        landing.also.clear();
        landing.lands = {Segment{}};
        return;
    }
    arena_.restamp(landing.lands);
    arena_.restamp(landing.also);
}

Lane::Done Lane::run(const DmaRequest& request) {
    start(request);
    return wait();
}

}  // namespace landfall
