#include "landfall/validate.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall {

std::vector<std::string> devices_of(const Step& step) {
    using Names = std::vector<std::string>;
    return std::visit(
        Overloaded{
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

void Validator::fail(const Line& line, const std::string& found, const std::string& expected) const {
    const auto at = text_.find(found);
    throw TextError({file_, line.number, at == std::string_view::npos ? 0 : static_cast<unsigned>(at + 1)}, found,
                    expected);
}

void Validator::declare(const Line& line, Known known) {
    for (const auto& k : known_)
        if (k.name == known.name) fail(line, known.name, "a name that is not in use yet");
    known_.push_back(std::move(known));
}

void Validator::use(const Line& line, const std::string& name, std::initializer_list<Kind> kinds, const char* what) {
    for (const auto& k : known_) {
        if (k.name != name) continue;
        if (std::ranges::find(kinds, k.kind) == kinds.end()) fail(line, name, what);
        return;
    }
    // Devices are declared by the rig; the first use in a scenario makes the name a device's.
    if (kinds.size() == 1 && *kinds.begin() == Kind::device) {
        known_.push_back({name, Kind::device, {}});
        return;
    }
    fail(line, name, fmt::format("{} declared on an earlier line", what));
}

const Buffer& Validator::buffer(const Line& line, const BufferSlice& slice) {
    use(line, slice.buffer, {Kind::buffer}, "a buffer");
    const auto it = std::ranges::find(known_, slice.buffer, &Known::name);
    const auto size = it->buffer.size;
    if (slice.span && (slice.span->offset > size || slice.span->length > size - slice.span->offset))
        fail(line, print(slice), fmt::format("a slice inside the buffer's {} bytes", size));
    return it->buffer;
}

void Validator::map(const Line& line, const Map& step) {
    use(line, step.ioas, {Kind::ioas}, "an IOAS");
    const auto& memory = buffer(line, step.memory);
    if (step.file && !memory.memfd) fail(line, step.memory.buffer, "a buffer declared with memfd, as map-file needs");
}

void Validator::busy(const Line& line, const std::string& device, bool pump) {
    for (const auto& b : busy_)
        if (b.device == device)
            fail(line, device, fmt::format("no second DMA of a device that line {} left running", b.line));
    busy_.push_back({device, pump, line.number});
}

void Validator::idle(const Line& line, const std::string& device, bool pump) {
    const auto it = std::ranges::find_if(busy_, [&](const Busy& b) { return b.device == device && b.pump == pump; });
    if (it == busy_.end()) fail(line, device, pump ? "a device that a pump runs on" : "a device with a DMA started");
    busy_.erase(it);
}

void Validator::expectation(const Line& line) const {
    if (!line.expected) return;
    const auto& step = *line.step();
    const auto& e = *line.expected;
    if (std::holds_alternative<Unmet>(e) || std::holds_alternative<Broken>(e))
        fail(line, print(e), "an outcome of the kernel or of a device");
    const bool sighting = std::holds_alternative<View>(step);
    const bool landing = std::holds_alternative<Dma>(step) || std::holds_alternative<Wait>(step);
    if (std::holds_alternative<Sighting>(e) != sighting) fail(line, print(e), sighting ? "sees NAME or sees nothing"
                                                                                       : "no 'sees' but behind view");
    if (std::holds_alternative<Landing>(e) != landing)
        fail(line, print(e), landing ? "lands, nowhere, from or nothing" : "ok or an errno");
    if (const auto* dma = std::get_if<Dma>(&step)) {
        const auto& l = std::get<Landing>(e);
        if (dma->request.verb == DmaRequest::Verb::write && !l.from.empty())
            fail(line, print(e), "lands or nowhere behind a write");
        if (dma->request.verb == DmaRequest::Verb::read && !l.lands.empty())
            fail(line, print(e), "from or nothing behind a read");
    }
}

void Validator::step(const Line& line, std::string_view text) {
    text_ = text;
    for (const auto& name : devices_of(*line.step())) use(line, name, {Kind::device}, "a device");
    std::visit(Overloaded{
                   [&](const Buffer& s) { declare(line, {s.name, Kind::buffer, s}); },
                   [&](const Ioas& s) { declare(line, {s.name, Kind::ioas, {}}); },
                   [&](const Hwpt& s) {
                       use(line, s.ioas, {Kind::ioas}, "an IOAS");
                       declare(line, {s.name, Kind::hwpt, {}});
                   },
                   [&](const Map& s) { map(line, s); },
                   [&](const IoasCopy& s) {
                       use(line, s.destination, {Kind::ioas}, "an IOAS");
                       use(line, s.source, {Kind::ioas}, "an IOAS");
                   },
                   [&](const Unmap& s) { use(line, s.ioas, {Kind::ioas}, "an IOAS"); },
                   [&](const Attach& s) { use(line, s.domain, {Kind::ioas, Kind::hwpt}, "an IOAS or HWPT"); },
                   [&](const Destroy& s) { use(line, s.object, {Kind::ioas, Kind::hwpt}, "an IOAS or HWPT"); },
                   [&](const Ranges& s) { use(line, s.ioas, {Kind::ioas}, "an IOAS"); },
                   [&](const Allow& s) { use(line, s.ioas, {Kind::ioas}, "an IOAS"); },
                   [&](const Option& s) { use(line, s.ioas, {Kind::ioas}, "an IOAS"); },
                   [&](const Dma& s) {
                       busy(line, s.request.device, false);
                       busy_.pop_back();
                   },
                   [&](const Start& s) { busy(line, s.request.device, false); },
                   [&](const Wait& s) { idle(line, s.device, false); },
                   [&](const Pump& s) { busy(line, s.request.device, true); },
                   [&](const Halt& s) { idle(line, s.device, true); },
                   [&](const View& s) {
                       busy(line, s.device, false);
                       busy_.pop_back();
                   },
                   [](const auto&) {},
               },
               *line.step());
    expectation(line);
}

void Validator::finish() const {
    if (!busy_.empty())
        throw TextError({file_, busy_.front().line, 0}, busy_.front().device,
                        busy_.front().pump ? "a halt for this pump further down" : "a wait for this start further down");
}

}  // namespace landfall
