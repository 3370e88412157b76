#include "landfall/world.hpp"

#include <fmt/format.h>

namespace landfall {
namespace {

constexpr const char* kTooMany = "too many possible orders of the steps of lines {} to {}";

// What is new weighs more than what is known.
std::pair<std::size_t, std::size_t> weight(const std::vector<Violation>& found) {
    const auto fresh = [](const Violation& v) { return v.known.empty(); };
    return {static_cast<std::size_t>(std::ranges::count_if(found, fresh)), found.size()};
}

void apply(History& history, const std::vector<Effect>& effects, const std::vector<const Line*>& steps) {
    for (const auto& e : effects) history.apply(e.change, e.when, steps[e.step]->number);
}

}  // namespace

std::vector<Violation> Worlds::keep_best(std::vector<std::vector<Violation>> found) {
    const auto best = std::ranges::min_element(found, {}, weight);
    if (best->empty()) {
        std::size_t i = 0;
        std::erase_if(worlds_, [&](const World&) { return !found[i++].empty(); });
    }
    return std::move(*best);
}

std::vector<Stuck> Worlds::play(const std::vector<const Line*>& steps, std::string& doubt) {
    std::vector<Orders> all;
    for (const auto& world : worlds_) all.push_back(linearize(*world.model, steps));
    const auto failed = [](const Orders& o) { return o.stuck.size(); };
    const auto fewest = failed(*std::ranges::min_element(all, {}, failed));
    std::vector<World> next;
    std::vector<Stuck> stuck;
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto& orders = all[i];
        if (orders.gave_up || next.size() + orders.found.size() > kMost) {
            doubt = fmt::format(kTooMany, steps.front()->number, steps.back()->number);
            return {};
        }
        if (failed(orders) > fewest) continue;
        if (next.empty()) stuck = std::move(orders.stuck);
        apply(worlds_[i].history, orders.agreed, steps);
        for (auto& order : orders.found) {
            const bool last = &order == &orders.found.back();
            next.push_back(last ? std::move(worlds_[i]) : worlds_[i].fork());
            next.back().model = std::move(order.model);
            apply(next.back().history, order.effects, steps);
        }
    }
    worlds_ = std::move(next);
    return stuck;
}

void Worlds::forget(Nanoseconds before) {
    for (auto& world : worlds_) {
        world.history.forget(before);
        world.debts.forget(before);
    }
    if (worlds_.size() > 1) merge(before);
}

void Worlds::merge(Nanoseconds before) {
    for (auto one = worlds_.begin(); one != worlds_.end(); ++one) {
        const auto same = [&](World& other) {
            if (!one->model->same_state(*other.model) || !one->history.same_since(before, other.history) ||
                one->debts != other.debts)
                return false;
            one->faults.add(other.faults);
            return true;
        };
        worlds_.erase(std::remove_if(std::next(one), worlds_.end(), same), worlds_.end());
    }
}

}  // namespace landfall
