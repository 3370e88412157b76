#include "report/view_log.hpp"

namespace landfall {
namespace {

// Ends the running spell and starts the next.
template <class Spell>
void follow(std::vector<Spell>& spells, Spell next, const std::optional<Interval>& when, unsigned line) {
    if (!spells.empty()) {
        spells.back().life.ended = when;
        spells.back().life.ended_line = line;
    }
    next.life = {when, std::nullopt, line, 0};
    spells.push_back(std::move(next));
}

}  // namespace

void ViewLog::fact(const Fact& fact) {
    for (const auto& change : model_->fact(fact)) apply(change, std::nullopt, 0);
}

void ViewLog::step(const Line& line, const Answer& answer) {
    for (const auto& change : model_->apply(*line.step(), answer)) apply(change, line.when, line.number);
    if (answer.error.ok()) declare(line);
}

void ViewLog::apply(const Change& change, const std::optional<Interval>& when, unsigned line) {
    std::visit(Overloaded{
                   [&](const DeviceAppeared& c) { appeared(c); },
                   [&](const SpaceMade& c) {
                       spaces_.resize(std::max(spaces_.size(), c.space.value + 1));
                       spaces_[c.space.value] = c.name;
                   },
                   [&](const AreaMapped& c) {
                       live_[{c.space, c.area.range.start}] = mappings_.size();
                       mappings_.push_back({c.space, {c.area, {when, std::nullopt, line, 0}}});
                   },
                   [&](const AreaUnmapped& c) { unmap(c, when, line); },
                   [&](const GroupMoved& c) {
                       follow(domains_[c.group], {c.space, c.domain, {}}, when, line);
                   },
                   [](const DeviceDeclared&) {},  // declare() finds it in the steps, whatever the model
                   [&](const DeviceGated& c) {
                       follow(gates_[c.device], {c.open, {}}, when, line);
                   },
               },
               change);
}

void ViewLog::appeared(const DeviceAppeared& change) {
    if (!units_.emplace(change.device, change.group).second) return;  // a fact told twice
    gates_[change.device].push_back({});
    declared_[change.device].push_back({});
    if (domains_[change.group].empty()) domains_[change.group].push_back({});
}

void ViewLog::unmap(const AreaUnmapped& change, const std::optional<Interval>& when, unsigned line) {
    const auto it = live_.find({change.space, change.start});
    if (it == live_.end()) return;
    auto& life = mappings_[it->second].spell.life;
    life.ended = when;
    life.ended_line = line;
    live_.erase(it);
}

void ViewLog::declare(const Line& line) {
    const auto believe = [&](const std::string& device, const std::string& domain) {
        if (const auto it = declared_.find(device); it != declared_.end())
            follow(it->second, {domain, {}}, line.when, line.number);
    };
    if (const auto* s = std::get_if<Attach>(line.step())) believe(s->device, s->domain);
    if (const auto* s = std::get_if<Detach>(line.step())) believe(s->device, {});
    if (const auto* s = std::get_if<DeviceControl>(line.step());
        s != nullptr && s->verb == DeviceControl::Verb::close)
        believe(s->device, {});
}

}  // namespace landfall
