#include "landfall/linearize.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>

namespace landfall {
namespace {

// What a change is about. Changes of different things may be told in any order.
using Thing = std::tuple<std::size_t, std::uint64_t, std::uint64_t, std::string>;
constexpr std::size_t kMapping = std::variant_size_v<Change>;  // mapping and unmapping are about one thing

Thing thing_of(const Change& change) {
    const auto kind = change.index();
    return std::visit(Overloaded{
                          [](const AreaMapped& c) {
                              return Thing{kMapping, c.space.value, c.area.range.start.value, {}};
                          },
                          [](const AreaUnmapped& c) {
                              return Thing{kMapping, c.space.value, c.start.value, {}};
                          },
                          [&](const SpaceMade& c) {
                              return Thing{kind, c.space.value, 0, {}};
                          },
                          [&](const GroupMoved& c) {
                              return Thing{kind, c.group, 0, {}};
                          },
                          [&](const auto& c) {
                              return Thing{kind, 0, 0, c.device};
                          },
                      },
                      change);
}

// A change happened neither before the one it follows could have, nor after the one that follows it must
// have.
void tighten(std::vector<Effect>& effects) {
    const auto same = [](const Effect& a, const Effect& b) {
        return thing_of(a.change) == thing_of(b.change);
    };
    for (std::size_t i = 1; i < effects.size(); ++i)
        if (same(effects[i - 1], effects[i]))
            effects[i].when.begin = std::max(effects[i].when.begin, effects[i - 1].when.begin);
    for (auto i = effects.size(); i-- > 1;)
        if (same(effects[i - 1], effects[i]))
            effects[i - 1].when.end = std::min(effects[i - 1].when.end, effects[i].when.end);
}

bool concurrent(const Line& a, const Line& b) { return a.lane != b.lane && a.when->overlaps(*b.when); }

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

// EBUSY tells of a call under way, not of a state: UNMAP meets an area that MAP, COPY or UNMAP of its IOAS is
// at work on (iommufd/io_pagetable.c:761-800); a call holds what it was given, and one that moves a group
// also what the group leaves, so that DESTROY fails (iommufd/main.c:226-306).
bool busy_beside(const Step& step, const Step& other) {
    const auto* destroy = std::get_if<Destroy>(&step);
    if (destroy == nullptr && !std::holds_alternative<Unmap>(step)) return false;
    if (std::holds_alternative<Attach>(other) || std::holds_alternative<Detach>(other) ||
        std::holds_alternative<DeviceControl>(other))
        return destroy != nullptr;
    const auto names = objects_of(other);
    return std::ranges::find(names, objects_of(step).front()) != names.end();
}

const Answer& answer_of(const Line& line) { return std::get<Answer>(*line.observed); }

// Steps done so far, the state they led to, and what they changed.
struct Node {
    std::vector<std::size_t> done;  // how many, lane by lane
    std::unique_ptr<Model> model;
    std::vector<Effect> effects;
};

class Search {
  public:
    Search(const std::vector<const Line*>& steps, std::size_t most_states)
        : steps_(steps), most_states_(most_states) {
        std::map<unsigned, std::size_t> lanes;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const auto [lane, fresh] = lanes.emplace(steps[i]->lane, lanes_.size());
            if (fresh) lanes_.emplace_back();
            lanes_[lane->second].push_back(i);
        }
    }

    Orders run(const Model& start) {
        layer_.push_back({std::vector<std::size_t>(lanes_.size()), start.clone(), {}});
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            if (layer_.size() == 1) agree();
            if (!advance()) advance_anyway();
            if (states_ > most_states_) {
                out_.gave_up = true;
                return std::move(out_);
            }
        }
        merge_ends();
        return std::move(out_);
    }

  private:
    // Every order has come to the same: what happened so far need not be carried along.
    void agree() {
        auto& effects = layer_.front().effects;
        tighten(effects);
        std::ranges::move(effects, std::back_inserter(out_.agreed));
        effects.clear();
    }

    // The lanes whose next step no step that is still to be done came before.
    [[nodiscard]] std::vector<std::size_t> ready(const Node& node) const {
        std::optional<Nanoseconds> first_end;
        for (std::size_t lane = 0; lane < lanes_.size(); ++lane)
            if (const auto* step = next(node, lane))
                first_end = std::min(first_end.value_or(step->when->end), step->when->end);
        std::vector<std::size_t> out;
        for (std::size_t lane = 0; lane < lanes_.size(); ++lane)
            if (const auto* step = next(node, lane); step != nullptr && step->when->begin <= *first_end)
                out.push_back(lane);
        return out;
    }

    [[nodiscard]] const Line* next(const Node& node, std::size_t lane) const {
        return node.done[lane] < lanes_[lane].size() ? steps_[lanes_[lane][node.done[lane]]] : nullptr;
    }

    // One step further in every order the answers allow; false, and nothing changed, if there is none.
    bool advance() {
        std::vector<Node> following;
        std::multimap<std::vector<std::size_t>, std::size_t> index;
        for (auto& node : layer_) {
            auto lanes = ready(node);
            std::erase_if(lanes, [&](std::size_t lane) { return !allowed(node, lane); });
            for (const auto lane : lanes) {
                const bool last = lane == lanes.back();
                Node further = last && layer_.size() == 1 ? std::move(node) : copy(node);
                follow(further, lane);
                add(following, index, std::move(further));
            }
        }
        if (following.empty()) return false;
        layer_ = std::move(following);
        return true;
    }

    [[nodiscard]] bool allowed(const Node& node, std::size_t lane) const {
        const auto& line = *next(node, lane);
        const auto& answer = answer_of(line);
        if (answer.error.value == EBUSY && std::ranges::any_of(steps_, [&](const Line* other) {
                return concurrent(*other, line) && busy_beside(*line.step(), *other->step());
            }))
            return true;
        return node.model->predict(*line.step()).allows(answer) &&
               node.model->objection(*line.step(), answer).empty();
    }

    Node copy(const Node& node) {
        ++states_;
        return {node.done, node.model->clone(), node.effects};
    }

    void follow(Node& node, std::size_t lane) const {
        const auto step = lanes_[lane][node.done[lane]++];
        for (auto& change : node.model->apply(*steps_[step]->step(), answer_of(*steps_[step]))) {
            const auto at = std::ranges::upper_bound(node.effects, thing_of(change), {},
                                                     [](const Effect& e) { return thing_of(e.change); });
            node.effects.insert(at, {step, std::move(change), *steps_[step]->when});
        }
    }

    static bool same(const Node& a, const Node& b) {
        return a.effects == b.effects && a.model->same_state(*b.model);
    }

    static void add(std::vector<Node>& layer, std::multimap<std::vector<std::size_t>, std::size_t>& index,
                    Node node) {
        const auto [first, last] = index.equal_range(node.done);
        if (std::any_of(first, last, [&](const auto& entry) { return same(layer[entry.second], node); }))
            return;
        index.emplace(node.done, layer.size());
        layer.push_back(std::move(node));
    }

    // No order goes on from here. Of those that came this far the first is the nearest to the order of the
    // ends; it is followed, and the step that ends first is taken for the one that went wrong.
    void advance_anyway() {
        layer_.resize(1);
        auto& node = layer_.front();
        const auto lanes = ready(node);
        const auto lane =
            *std::ranges::min_element(lanes, {}, [&](std::size_t l) { return lanes_[l][node.done[l]]; });
        const auto step = lanes_[lane][node.done[lane]];
        const auto& line = *steps_[step];
        Stuck stuck{step, {}, node.model->predict(*line.step()), {}};
        if (stuck.prediction.allows(answer_of(line)))
            stuck.objection = node.model->objection(*line.step(), answer_of(line));
        for (std::size_t i = 0; i < steps_.size(); ++i)
            if (concurrent(*steps_[i], line)) stuck.beside.push_back(i);
        out_.stuck.push_back(std::move(stuck));
        follow(node, lane);
    }

    void merge_ends() {
        for (auto& node : layer_) {
            tighten(node.effects);
            out_.found.push_back({std::move(node.model), std::move(node.effects)});
        }
    }

    const std::vector<const Line*>& steps_;
    std::size_t most_states_, states_ = 0;
    std::vector<std::vector<std::size_t>> lanes_;  // indices of the steps, lane by lane
    std::vector<Node> layer_;                      // all with as many steps done
    Orders out_;
};

}  // namespace

Orders linearize(const Model& start, const std::vector<const Line*>& steps, std::size_t most_states) {
    return Search(steps, most_states).run(start);
}

}  // namespace landfall
