#include <algorithm>

#include "landfall/line.hpp"

namespace landfall {
namespace {

// A bare name stands for any bytes of the buffer, a slice for exactly those. What was observed is bare when it was the
// whole buffer: that begins at byte 0, and is as long as the slice because both are as long as the DMA.
bool segment_fulfils(const Segment& observed, const Segment& expected) {
    if (observed.place.has_value() != expected.place.has_value()) return false;
    if (!observed.place) return expected.length == 0 || expected.length == observed.length;
    if (observed.place->buffer != expected.place->buffer) return false;
    if (!expected.place->span) return true;
    return observed.place->span ? observed.place->span == expected.place->span : expected.place->span->offset == 0;
}

bool segments_fulfil(const std::vector<Segment>& observed, const std::vector<Segment>& expected) {
    if (expected.empty()) return true;
    return std::ranges::equal(observed, expected, segment_fulfils);
}

bool landing_fulfils(const Landing& observed, const Landing& expected) {
    return (!expected.status || observed.status == expected.status) &&
           segments_fulfil(observed.from, expected.from) && segments_fulfil(observed.lands, expected.lands) &&
           (expected.also.empty() ? observed.also.empty() : segments_fulfil(observed.also, expected.also));
}

}  // namespace

bool fulfils(const Outcome& observed, const Outcome& expected) {
    if (const auto* e = std::get_if<Answer>(&expected)) {
        const auto* o = std::get_if<Answer>(&observed);
        return o != nullptr && o->error == e->error && (!e->value || o->value == e->value) &&
               (e->ranges.empty() || o->ranges == e->ranges);
    }
    if (const auto* e = std::get_if<Landing>(&expected)) {
        const auto* o = std::get_if<Landing>(&observed);
        return o != nullptr && landing_fulfils(*o, *e);
    }
    return observed == expected;
}

}  // namespace landfall
