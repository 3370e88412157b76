#include "landfall/halfway.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

namespace landfall {
namespace {

// The address spaces and page tables a step is given.
std::vector<std::string> objects_of(const Step& step) {
    using Names = std::vector<std::string>;
    return std::visit(Overloaded{
                          [](const Hwpt& s) {
                              return Names{s.ioas, s.name};
                          },
                          [](const Map& s) { return Names{s.ioas}; },
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

bool names(const Step& step, const std::string& object) {
    const auto all = objects_of(step);
    return std::ranges::find(all, object) != all.end();
}

// The address space that a step puts a mapping into; nullptr if it does not.
const std::string* maps_into(const Step& step) {
    if (const auto* s = std::get_if<Map>(&step)) return &s->ioas;
    if (const auto* s = std::get_if<IoasCopy>(&step)) return &s->destination;
    return nullptr;
}

// Whether two ranges share an address; nullopt is everything.
bool meet(const std::optional<IovaRange>& a, const std::optional<IovaRange>& b) {
    return !a || !b || a->overlaps(*b);
}

// Where a mapping made at this address may lie: how long it is, its step need not say.
bool reaches(const std::optional<Iova>& iova, const std::optional<std::uint64_t>& length,
             const std::optional<IovaRange>& range) {
    if (!iova || !range) return true;
    return length ? range->overlaps({*iova, *length}) : *iova <= range->last();
}

// The step makes or removes mappings of the IOAS that may lie in the range.
bool changes_mappings_of(const Step& step, const std::string& ioas, const std::optional<IovaRange>& range) {
    if (const auto* s = std::get_if<Unmap>(&step)) return s->ioas == ioas && meet(s->range, range);
    if (const auto* s = std::get_if<IoasCopy>(&step))
        return s->destination == ioas && reaches(s->iova, s->range.length, range);
    const auto* s = std::get_if<Map>(&step);
    if (s == nullptr || s->ioas != ioas) return false;
    return reaches(s->iova, s->memory.span ? std::optional(s->memory.span->length) : std::nullopt, range);
}

bool failed(const Line& line) {
    const auto* answer = line.observed ? std::get_if<Answer>(&*line.observed) : nullptr;
    return answer != nullptr && !answer->error.ok();
}

// A call that moves a group also holds what the group leaves.
bool busy(const Step& step, const Step& other) {
    const auto* destroy = std::get_if<Destroy>(&step);
    const auto* unmap = std::get_if<Unmap>(&step);
    if (unmap != nullptr) return changes_mappings_of(other, unmap->ioas, unmap->range);
    if (destroy == nullptr) return false;
    return moves_groups(other) || names(other, destroy->object);
}

bool gave_up_mapping(const Line& other) { return failed(other) && maps_into(*other.step()) != nullptr; }

bool gave_up_domain(const Line& other) {
    return failed(other) &&
           (std::holds_alternative<Attach>(*other.step()) || std::holds_alternative<Hwpt>(*other.step()));
}

bool replaced(const Line& other) {
    return !failed(other) && std::holds_alternative<Attach>(*other.step());
}

bool makes_or_ends_domain(const Step& step) {
    return moves_groups(step) || std::holds_alternative<Hwpt>(step) || std::holds_alternative<Destroy>(step);
}

}  // namespace

bool concurrent(const Line& a, const Line& b) { return a.lane != b.lane && a.when->overlaps(*b.when); }

bool met_halfway(const Line& line, const Line& other) {
    const auto& step = *line.step();
    const auto* into = maps_into(step);
    const bool sets = std::holds_alternative<Allow>(step) || std::holds_alternative<Option>(step);
    switch (std::get<Answer>(*line.observed).error.value) {
        case EBUSY: return busy(step, *other.step());
        case ENOENT: {
            const auto* copy = std::get_if<IoasCopy>(&step);
            return copy != nullptr && changes_mappings_of(*other.step(), copy->source, copy->range);
        }
        case EEXIST:
        case ENOSPC: return into != nullptr && gave_up_mapping(other) && *into == *maps_into(*other.step());
        case EINVAL:
            return (gave_up_domain(other) && (into != nullptr || sets || std::holds_alternative<Attach>(step))) ||
                   (into != nullptr && replaced(other));
        case EFAULT: return makes_or_ends_domain(*other.step()) && into != nullptr;
        case EADDRINUSE:
            return (gave_up_domain(other) && sets) || (gave_up_mapping(other) && std::holds_alternative<Attach>(step));
        case 0: return gave_up_domain(other) && std::holds_alternative<Ranges>(step);
        default: return false;
    }
}

bool moves_groups(const Step& step) {
    return std::holds_alternative<Attach>(step) || std::holds_alternative<Detach>(step) ||
           std::holds_alternative<DeviceControl>(step);
}

bool comes_between(const Step& step, const Step& other) {
    if (const auto* unmap = std::get_if<Unmap>(&step)) return changes_mappings_of(other, unmap->ioas, std::nullopt);
    const auto* copy = std::get_if<IoasCopy>(&step);
    return copy != nullptr && changes_mappings_of(other, copy->source, copy->range);
}

}  // namespace landfall
