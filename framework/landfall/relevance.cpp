#include "landfall/relevance.hpp"

#include <algorithm>
#include <map>

#include "landfall/validate.hpp"

namespace landfall {
namespace {

// IOASes, HWPTs and buffers a step names.
std::vector<std::string> objects_of(const Step& step) {
    using Names = std::vector<std::string>;
    return std::visit(Overloaded{
                          [](const Buffer& s) { return Names{s.name}; },
                          [](const Ioas& s) { return Names{s.name}; },
                          [](const Hwpt& s) {
                              return Names{s.name, s.ioas};
                          },
                          [](const Map& s) {
                              return Names{s.ioas, s.memory.buffer};
                          },
                          [](const IoasCopy& s) {
                              return Names{s.destination, s.source};
                          },
                          [](const Unmap& s) { return Names{s.ioas}; },
                          [](const Attach& s) { return Names{s.domain}; },
                          [](const Destroy& s) { return Names{s.object}; },
                          [](const Ranges& s) { return Names{s.ioas}; },
                          [](const Allow& s) { return Names{s.ioas}; },
                          [](const Option& s) { return Names{s.ioas}; },
                          [](const auto&) { return Names{}; },
                      },
                      step);
}

IovaRange pages_of(const IovaRange& r) {
    const auto first = align_down(r.start.value, kPageSize);
    return {Iova{first}, align_down(r.last().value, kPageSize) - first + kPageSize};
}

const DmaRequest* request_of(const Line& line) {
    if (line.event() != nullptr) {
        const auto* e = std::get_if<DmaEvent>(line.event());
        return e == nullptr ? nullptr : &e->request;
    }
    if (line.step() == nullptr) return nullptr;
    if (const auto* s = std::get_if<Dma>(line.step())) return &s->request;
    if (const auto* s = std::get_if<Start>(line.step())) return &s->request;
    return nullptr;
}

}  // namespace

Relevance::Relevance(const Trace& trace, const Violation& violation, Reach reach)
    : reach_(reach), lines_(violation.witness.begin(), violation.witness.end()) {
    lines_.insert(violation.line);
    if (reach == Reach::all) return;
    if (!violation.device.empty()) devices_.insert(violation.device);
    if (violation.page) objects_.insert(violation.page->buffer);
    if (violation.iova) ranges_.push_back(pages_of(*violation.iova));
    for (const auto& line : trace.lines)
        if (lines_.contains(line.number)) begin_with(line);
    std::set<std::uint32_t> groups;
    const auto each_device = [&](const auto& visit) {
        for (const auto& line : trace.lines)
            if (const auto* f = line.fact() == nullptr ? nullptr : std::get_if<DeviceFact>(line.fact()))
                visit(*f);
    };
    each_device([&](const DeviceFact& f) {
        if (devices_.contains(f.name)) groups.insert(f.group);
    });
    each_device([&](const DeviceFact& f) {
        if (groups.contains(f.group)) devices_.insert(f.name);
    });
    // What a step of interest names is of interest, too.
    for (std::size_t before = 0; before != objects_.size();) {
        before = objects_.size();
        for (const auto& line : trace.lines)
            if (line.step() != nullptr && has(*line.step()))
                for (auto& name : objects_of(*line.step())) objects_.insert(std::move(name));
    }
}

void Relevance::begin_with(const Line& line) {
    if (const auto* request = request_of(line)) {
        devices_.insert(request->device);
        ranges_.push_back(pages_of(request->range));
        if (request->target) ranges_.push_back(pages_of({*request->target, request->range.length}));
    }
    if (line.step() == nullptr) return;
    for (auto& name : devices_of(*line.step())) devices_.insert(std::move(name));
    for (auto& name : objects_of(*line.step())) objects_.insert(std::move(name));
}

bool Relevance::has(const Line& line) const {
    if (reach_ == Reach::all || line.fact() != nullptr || lines_.contains(line.number)) return true;
    if (line.step() != nullptr) return has(*line.step());
    const auto* request = request_of(line);
    return reach_ == Reach::group && request != nullptr && devices_.contains(request->device);
}

bool Relevance::has(const Step& step) const {
    const auto known = [&](const std::string& name) { return objects_.contains(name); };
    return std::visit(
        Overloaded{
            [&](const Map& s) {
                const auto range = s.iova && s.memory.span
                                       ? std::optional(IovaRange{*s.iova, s.memory.span->length})
                                       : std::nullopt;
                return known(s.ioas) && touches(range);
            },
            [&](const IoasCopy& s) {
                const auto range = s.iova ? std::optional(IovaRange{*s.iova, s.range.length}) : std::nullopt;
                return known(s.destination) && touches(range);
            },
            [&](const Unmap& s) { return known(s.ioas) && touches(s.range); },
            [&](const auto&) { return concerns_group(step) || std::ranges::any_of(objects_of(step), known); },
        },
        step);
}

bool Relevance::concerns_group(const Step& step) const {
    const bool control = driven_by(step).empty() || std::holds_alternative<DeviceControl>(step);
    if (!control && reach_ == Reach::address) return false;
    return std::ranges::any_of(devices_of(step), [&](const auto& name) { return devices_.contains(name); });
}

bool Relevance::touches(const std::optional<IovaRange>& range) const {
    if (!range || ranges_.empty() || reach_ != Reach::address) return true;
    return std::ranges::any_of(ranges_, [&](const IovaRange& r) { return r.overlaps(*range); });
}

}  // namespace landfall
