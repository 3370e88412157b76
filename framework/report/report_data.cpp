#include "report/report_data.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall {
namespace {

std::string_view trimmed(std::string_view s) {
    const auto first = s.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view() : s.substr(first);
}

int number_of(const std::optional<Landing::Status>& status) {
    if (!status) return 3;
    switch (*status) {
        case Landing::Status::done: return 0;
        case Landing::Status::error: return 1;
        case Landing::Status::timeout: return 2;
    }
    return 3;
}

}  // namespace

ReportData::ReportData(std::string file, const std::string& model) : file_(std::move(file)), views_(model) {}

void ReportData::feed(const Line& line) {
    if (line.fact() != nullptr)
        fact(line);
    else if (line.event() != nullptr)
        event(line);
    else if (line.step() != nullptr)
        step(line);
    else if (const auto comment = trimmed(line.comment); !comment.empty())
        note_ += (note_.empty() ? "" : " ") + std::string(comment);
}

void ReportData::fact(const Line& line) {
    const auto& fact = *line.fact();
    facts_.emplace_back(line.number, fact);
    scene_.learn(fact);
    views_.fact(fact);
    if (const auto* d = std::get_if<DeviceFact>(&fact); d != nullptr && d->name != "-")
        static_cast<void>(device(d->name));
}

void ReportData::event(const Line& line) {
    const auto entry = [&](int kind, std::int32_t of) {
        add_entry(events_, line, landfall::print(*line.event()), kind, of);
    };
    std::visit(Overloaded{
                   [&](const FaultEvent& e) {
                       const auto name = scene_.device_of(e.requester);
                       entry(0, name.empty() ? -1 : device(name));
                   },
                   [&](const KernelEvent&) { entry(1, -1); },
                   [&](const StrayEvent&) { entry(2, -1); },
                   [&](const DmaEvent& e) { add_dma(line, e.request, *line.when); },
                   [&](const LabEvent&) {
                       entry(3, -1);
                       lost(line);
                   },
               },
               *line.event());
}

void ReportData::step(const Line& line) {
    if (!line.when || !line.observed) return;  // it was not run
    const auto& s = *line.step();
    if (const auto* d = std::get_if<Dma>(&s)) {
        add_dma(line, d->request, *line.when);
        return;
    }
    add_entry(steps_, line, landfall::print(s), 0, -1);
    if (const auto* d = std::get_if<Start>(&s)) flying_[d->request.device] = {d->request, line.when->begin};
    if (const auto* w = std::get_if<Wait>(&s)) {
        if (const auto it = flying_.find(w->device); it != flying_.end()) {
            add_dma(line, it->second.request, {it->second.begin, line.when->end});
            flying_.erase(it);
        }
    }
    const auto* answer = std::get_if<Answer>(&*line.observed);
    if (answer == nullptr) {
        const bool judged = std::holds_alternative<Landing>(*line.observed) ||
                            std::holds_alternative<Sighting>(*line.observed);
        if (!judged) lost(line);
        return;
    }
    if (const auto* b = std::get_if<Buffer>(&s); b != nullptr && answer->error.ok()) {
        scene_.buffers[b->name] = *b;
        static_cast<void>(buffer(b->name));
    }
    if (known_until_) return;
    try {
        views_.step(line, *answer);
    } catch (const TooManyMappings&) {
        lost(line);
    }
}

void ReportData::add_entry(std::vector<Entry>& to, const Line& line, const std::string& text, int kind,
                           std::int32_t of) {
    Entry e;
    e.when = *line.when;
    e.line = line.number;
    e.lane = line.lane;
    e.text = texts_.add(text);
    if (line.observed) e.outcome = texts_.add(landfall::print(*line.observed));
    if (line.expected) e.expected = texts_.add(landfall::print(*line.expected));
    e.note = take_note(line);
    e.device = of;
    e.kind = kind;
    to.push_back(e);
}

void ReportData::add_dma(const Line& line, const DmaRequest& request, const Interval& when) {
    const auto* landing = line.observed ? std::get_if<Landing>(&*line.observed) : nullptr;
    if (landing == nullptr) return lost(line);
    Transfer t;
    t.when = when;
    t.verb = request.verb;
    t.range = request.range;
    t.target = request.target.value_or(Iova{});
    t.seq = landing->seq ? *landing->seq + 1 : 0;
    t.device = device(request.device);
    t.place = place(*landing);
    if (line.expected) t.expected = texts_.add(landfall::print(*line.expected));
    t.note = take_note(line);
    t.status = number_of(landing->status);
    t.line = line.number;
    if (const auto* pumped = line.event() == nullptr ? nullptr : std::get_if<DmaEvent>(line.event())) t.times = pumped->times;
    dmas_.push_back(t);
}

std::int32_t ReportData::device(const std::string& name) {
    const auto it = std::ranges::find(devices_, name);
    if (it == devices_.end()) return devices_.push_back(name), static_cast<std::int32_t>(devices_.size() - 1);
    return static_cast<std::int32_t>(it - devices_.begin());
}

std::int32_t ReportData::buffer(const std::string& name) {
    const auto [it, fresh] = buffer_numbers_.try_emplace(name, static_cast<std::int32_t>(buffers_.size()));
    if (fresh) buffers_.push_back(name);
    return it->second;
}

std::int32_t ReportData::place(const Landing& landing) {
    auto where = landing;
    where.status.reset();
    where.seq.reset();
    const auto text = landfall::print(Outcome{where});
    const auto [it, fresh] = place_numbers_.try_emplace(text, static_cast<std::int32_t>(places_.size()));
    if (!fresh) return it->second;
    // What a DMA wrote tells more than what it read.
    auto of = landing.lands.empty() ? place_of(landing.from) : place_of(landing.lands);
    if (!landing.also.empty()) of = kSeveral;
    places_.push_back({text, of});
    return it->second;
}

std::int32_t ReportData::place_of(const std::vector<Segment>& segments) {
    auto out = kUnknown;
    for (const auto& s : segments) {
        const auto here = s.place ? buffer(s.place->buffer) : kNowhere;
        if (out != kUnknown && out != here) return kSeveral;
        out = here;
    }
    return out;
}

// What devices see from here on nobody knows.
void ReportData::lost(const Line& line) {
    if (!known_until_ && line.when) known_until_ = line.when->begin.value;
}

// The first remark of a trace is its title; others stand in front of the step they speak of, or behind it.
std::int32_t ReportData::take_note(const Line& line) {
    if (title_.empty()) title_ = std::exchange(note_, {});
    auto note = std::exchange(note_, {});
    if (const auto own = trimmed(line.comment); !own.empty())
        note += (note.empty() ? "" : " ") + std::string(own);
    return texts_.add(note);
}

}  // namespace landfall
