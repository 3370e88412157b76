#include "landfall/validate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace landfall {
namespace {

// Words of the outcomes; a buffer or an IOAS of such a name could not be told from them.
constexpr std::array<std::string_view, 6> kReserved{"from", "lands", "also", "nowhere", "nothing", "seq"};

// 1-based column at which `word` stands as a word of its own, 0 if it is not in the text as such.
unsigned column_of(std::string_view text, std::string_view word) {
    const auto ends_word = [](char c) { return c == ' ' || c == '\t' || c == '[' || c == '#'; };
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
        const auto behind = at + word.size();
        if ((at == 0 || text[at - 1] == ' ' || text[at - 1] == '\t') &&
            (behind == text.size() || ends_word(text[behind])))
            return static_cast<unsigned>(at + 1);
    }
    return 0;
}

std::string str(DmaRequest::Verb verb) {
    return verb == DmaRequest::Verb::write ? "write" : verb == DmaRequest::Verb::read ? "read" : "copy";
}

}  // namespace

std::vector<std::string> devices_of(const Step& step) {
    using Names = std::vector<std::string>;
    return std::visit(Overloaded{
                          [](const Require& s) {
                              if (s.kind == Require::Kind::feature) return Names{};
                              return s.kind == Require::Kind::engine ? Names{s.names[0]} : s.names;
                          },
                          [](const Hwpt& s) { return Names{s.device}; },
                          [](const Attach& s) { return Names{s.device}; },
                          [](const Detach& s) { return Names{s.device}; },
                          [](const DeviceControl& s) { return Names{s.device}; },
                          [](const Dma& s) { return Names{s.request.device}; },
                          [](const Start& s) { return Names{s.request.device}; },
                          [](const Pump& s) { return Names{s.request.device}; },
                          [](const Wait& s) { return Names{s.device}; },
                          [](const Halt& s) { return Names{s.device}; },
                          [](const View& s) { return Names{s.device}; },
                          [](const auto&) { return Names{}; },
                      },
                      step);
}

const DmaRequest* begun_by(const Step& step) {
    if (const auto* s = std::get_if<Dma>(&step)) return &s->request;
    if (const auto* s = std::get_if<Start>(&step)) return &s->request;
    if (const auto* s = std::get_if<Pump>(&step)) return &s->request;
    return nullptr;
}

std::string driven_by(const Step& step) {
    return std::visit(Overloaded{
                          [](const DeviceControl& s) { return s.device; },
                          [](const Dma& s) { return s.request.device; },
                          [](const Start& s) { return s.request.device; },
                          [](const Pump& s) { return s.request.device; },
                          [](const Wait& s) { return s.device; },
                          [](const Halt& s) { return s.device; },
                          [](const View& s) { return s.device; },
                          [](const auto&) { return std::string(); },
                      },
                      step);
}

void Validator::fail(const std::string& found, const std::string& expected) const {
    throw TextError({file_, line_, column_of(text_, found)}, found, expected);
}

void Validator::fail_expectation(const Outcome& found, const std::string& expected) const {
    auto at = text_.find("=>");
    at = at == std::string_view::npos ? at : text_.find_first_not_of(" \t", at + 2);
    const auto column = at == std::string_view::npos ? 0 : static_cast<unsigned>(at + 1);
    throw TextError({file_, line_, column}, print(found), expected);
}

void Validator::declare(Known known) {
    if (std::ranges::find(kReserved, known.name) != kReserved.end())
        fail(known.name, "a name that is no word of an outcome");
    if (known.name.find('.') != std::string::npos) fail(known.name, "a name without '.', which marks the lab's own");
    if (std::ranges::find(known_, known.name, &Known::name) != known_.end())
        fail(known.name, "a name that is not in use yet");
    known.block = block_;
    known.lane = lane_;
    known_.push_back(std::move(known));
}

const Validator::Known& Validator::use(const std::string& name, std::initializer_list<Kind> kinds,
                                       const char* what) {
    const auto it = std::ranges::find(known_, name, &Known::name);
    if (it != known_.end()) {
        if (std::ranges::find(kinds, it->kind) == kinds.end()) fail(name, what);
        if (it->kind != Kind::device && it->block == block_ && it->lane != lane_)
            fail(name, fmt::format("{} that this lane made, or that was there before the lanes ran", what));
        return *it;
    }
    // Devices are declared by the rig; the first use in a scenario makes the name a device's.
    if (kinds.size() != 1 || *kinds.begin() != Kind::device)
        fail(name, fmt::format("{} declared on an earlier line", what));
    return known_.emplace_back(Known{name, Kind::device, {}, 0, 0});
}

const Buffer& Validator::use_buffer(const BufferSlice& slice) {
    const auto& buffer = use(slice.buffer, {Kind::buffer}, "a buffer").buffer;
    if (slice.span &&
        (slice.span->offset > buffer.size || slice.span->length > buffer.size - slice.span->offset))
        fail(slice.buffer, fmt::format("a slice inside its {} bytes, not {}", buffer.size, print(slice)));
    return buffer;
}

void Validator::map(const Map& step) {
    use_ioas(step.ioas);
    const auto& memory = use_buffer(step.memory);
    if (step.file && !memory.memfd)
        fail(step.memory.buffer, "a buffer declared with memfd, as map-file needs");
}

void Validator::idle(const std::string& device) const {
    for (const auto& b : busy_)
        if (b.request.device == device)
            fail(device, fmt::format("a device without the DMA that line {} left running", b.line));
}

void Validator::begin(const DmaRequest& request, bool pump) {
    idle(request.device);
    busy_.push_back({request, pump, line_});
}

DmaRequest Validator::end(const std::string& device, bool pump) {
    const auto it = std::ranges::find_if(
        busy_, [&](const Busy& b) { return b.request.device == device && b.pump == pump; });
    if (it == busy_.end())
        fail(device, pump ? "a device that a pump runs on" : "a device with a DMA started");
    auto request = std::move(it->request);
    busy_.erase(it);
    return request;
}

// Closing a device sees its DMA through, and resetting it pulls the engine from under a pump.
void Validator::control(const DeviceControl& step) const {
    if (step.verb == DeviceControl::Verb::close) idle(step.device);
    for (const auto& b : busy_)
        if (b.pump && b.request.device == step.device) idle(step.device);
}

void Validator::expectation(const Step& step, const Outcome& expected) {
    const auto* dma = std::get_if<Dma>(&step);
    const bool landing = dma != nullptr || std::holds_alternative<Wait>(step);
    if (std::holds_alternative<View>(step)) {
        const auto* sighting = std::get_if<Sighting>(&expected);
        if (sighting == nullptr) fail_expectation(expected, "sees NAME or sees nothing");
        if (sighting->ioas) use_ioas(*sighting->ioas);
    } else if (landing) {
        const auto* wanted = std::get_if<Landing>(&expected);
        if (wanted == nullptr) fail_expectation(expected, "lands, nowhere, from or nothing");
        expected_landing(dma != nullptr ? dma->request : ended_, *wanted);
    } else {
        const auto* answer = std::get_if<Answer>(&expected);
        if (answer == nullptr) fail_expectation(expected, "ok or an errno such as EINVAL");
        expected_answer(step, *answer);
    }
}

void Validator::expected_answer(const Step& step, const Answer& expected) const {
    const auto* map = std::get_if<Map>(&step);
    const auto* copy = std::get_if<IoasCopy>(&step);
    const bool valued = std::holds_alternative<Unmap>(step) || (map != nullptr && !map->iova) ||
                        (copy != nullptr && !copy->iova);
    if (expected.value && !valued)
        fail_expectation(expected, "no value: only unmap and an automatic IOVA answer one");
    if (!expected.ranges.empty() && !std::holds_alternative<Ranges>(step))
        fail_expectation(expected, "no ranges: only the step ranges answers them");
}

void Validator::expected_landing(const DmaRequest& request, const Landing& expected) {
    const bool reads = request.verb != DmaRequest::Verb::write,
               writes = request.verb != DmaRequest::Verb::read;
    if (!reads && !expected.from.empty()) fail_expectation(expected, "lands or nowhere behind a write");
    if (!writes && !(expected.lands.empty() && expected.also.empty()))
        fail_expectation(expected, "from or nothing behind a read");
    for (const auto* segments : {&expected.from, &expected.lands}) {
        expected_segments(*segments);
        const bool exact = !segments->empty() &&
                           std::ranges::all_of(*segments, [](const Segment& s) { return s.length != 0; });
        std::uint64_t total = 0;
        for (const auto& s : *segments) total += s.length;
        if (exact && total != request.range.length)
            fail_expectation(expected, fmt::format("pieces of {} bytes together, as the {} has",
                                                   request.range.length, str(request.verb)));
    }
    expected_segments(expected.also);
}

void Validator::expected_segments(const std::vector<Segment>& segments) {
    for (const auto& s : segments)
        if (s.place) use_buffer(*s.place);
}

// Lanes run side by side: what one makes the others cannot count on, and a device's DMA belongs to one of them.
void Validator::in_lane(const Line& line) {
    if (line.lane == 0 || lane_ == 0) {
        ++block_;
        driver_.clear();
    }
    lane_ = line.lane;
    if (lane_ == 0) return;
    if (std::holds_alternative<Require>(*line.step())) fail("require", "a requirement in front of the lanes");
    if (std::holds_alternative<Witness>(*line.step())) fail("witness", "a search behind the lanes, whose DMA is over then");
    const auto name = driven_by(*line.step());
    if (name.empty()) return;
    const auto lane = driver_.emplace(name, lane_).first->second;
    if (lane != lane_) fail(name, fmt::format("a device whose DMA lane {} leaves alone", lane));
}

void Validator::step(const Line& line, std::string_view text) {
    line_ = line.number;
    text_ = text;
    in_lane(line);
    for (const auto& name : devices_of(*line.step())) use(name, {Kind::device}, "a device");
    std::visit(Overloaded{
                   [&](const Buffer& s) {
                       declare({s.name, Kind::buffer, s, 0, 0});
                   },
                   [&](const Ioas& s) {
                       declare({s.name, Kind::ioas, {}, 0, 0});
                   },
                   [&](const Hwpt& s) {
                       use_ioas(s.ioas);
                       declare({s.name, Kind::hwpt, {}, 0, 0});
                   },
                   [&](const Map& s) { map(s); },
                   [&](const IoasCopy& s) {
                       use_ioas(s.destination);
                       use_ioas(s.source);
                   },
                   [&](const Unmap& s) { use_ioas(s.ioas); },
                   [&](const Attach& s) { use_domain(s.domain); },
                   [&](const Destroy& s) { use_domain(s.object); },
                   [&](const DeviceControl& s) { control(s); },
                   [&](const Ranges& s) { use_ioas(s.ioas); },
                   [&](const Allow& s) { use_ioas(s.ioas); },
                   [&](const Option& s) { use_ioas(s.ioas); },
                   [&](const Dma& s) { idle(s.request.device); },
                   [&](const View& s) { idle(s.device); },
                   [&](const Start& s) { begin(s.request, false); },
                   [&](const Pump& s) { begin(s.request, true); },
                   [&](const Wait& s) { ended_ = end(s.device, false); },
                   [&](const Halt& s) { static_cast<void>(end(s.device, true)); },
                   [](const auto&) {},
               },
               *line.step());
    if (line.expected) expectation(*line.step(), *line.expected);
}

void Validator::finish() const {
    if (busy_.empty()) return;
    const auto& b = busy_.front();
    throw TextError({file_, b.line, 0}, b.request.device,
                    b.pump ? "a halt for this pump further down" : "a wait for this start further down");
}

}  // namespace landfall
