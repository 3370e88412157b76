#include "landfall/linearize.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "landfall/halfway.hpp"

namespace landfall {
namespace {

constexpr std::size_t kPartsOfAState = 512;  // mappings or effects: what more there is weighs as another state

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

const Answer& answer_of(const Line& line) { return std::get<Answer>(*line.observed); }

// A call that has done a part of what it does: an UNMAP has picked and removed some of its mappings, one by one,
// in the order of their addresses; a COPY has looked at its source.
struct Begun {
    std::optional<IovaRange> rest;    // UNMAP: of its range, behind what it has picked
    std::optional<IovaRange> picked;  // UNMAP: will be removed, and is there until then
    std::uint64_t bytes = 0;          // UNMAP: removed
    bool operator==(const Begun&) const = default;
};

// Steps done so far, the state they led to, and what they changed.
struct Node {
    std::vector<std::size_t> done;              // how many, lane by lane
    std::vector<std::optional<Begun>> begun;  // lane by lane
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
            in_pieces_.push_back(goes_in_pieces(*steps[i]));
        }
    }

    Orders run(const Model& start) {
        layer_.push_back({std::vector<std::size_t>(lanes_.size()),
                          std::vector<std::optional<Begun>>(lanes_.size()), start.clone(), {}});
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

    [[nodiscard]] bool goes_in_pieces(const Line& line) const {
        return std::ranges::any_of(steps_, [&](const Line* other) {
            return concurrent(*other, line) && comes_between(*line.step(), *other->step());
        });
    }

    // The layer grows by every state in which calls have done a part of what they do.
    void take_pieces() {
        for (std::size_t i = 0; i < layer_.size() && states_ <= most_states_; ++i)
            for (const auto lane : ready(layer_[i])) {
                auto further = one_piece_further(layer_[i], lane);
                if (further && std::ranges::none_of(layer_, [&](const Node& n) {
                        return n.done == further->done && same(n, *further);
                    }))
                    layer_.push_back(std::move(*further));
            }
    }

    std::optional<Node> one_piece_further(const Node& node, std::size_t lane) {
        const auto step = lanes_[lane][node.done[lane]];
        if (!in_pieces_[step]) return std::nullopt;
        const auto* source = std::get_if<IoasCopy>(steps_[step]->step());
        return source != nullptr ? source_taken(node, lane, *source) : one_unmapped(node, lane, step);
    }

    std::optional<Node> source_taken(const Node& node, std::size_t lane, const IoasCopy& step) {
        if (node.begun[lane]) return std::nullopt;
        auto further = copy(node);
        if (!further.model->take_source(step)) return std::nullopt;
        further.begun[lane].emplace();
        return further;
    }

    std::optional<Node> one_unmapped(const Node& node, std::size_t lane, std::size_t step) {
        const auto& unmap = std::get<Unmap>(*steps_[step]->step());
        if (node.begun[lane] && node.begun[lane]->picked) {
            auto further = copy(node);
            const auto area = *std::exchange(further.begun[lane]->picked, std::nullopt);
            apply(further, step, Unmap{unmap.ioas, area}, {{}, area.length, {}}, *steps_[step]->when);
            further.begun[lane]->bytes += area.length;
            return further;
        }
        const auto rest = rest_of(node, lane);
        const auto next = rest ? node.model->next_unmapped(*rest) : UnmapNext{};
        if (next.kind != UnmapNext::Kind::whole || picked(node, next.area)) return std::nullopt;
        auto further = copy(node);
        auto& begun = further.begun[lane];
        if (!begun) begun.emplace();
        const auto end = rest->range ? rest->range->last() : Iova{~std::uint64_t{0}};
        begun->rest.reset();
        if (next.area.last() < end) begun->rest = {next.area.last() + 1, end - next.area.last()};
        begun->picked = next.area;
        return further;
    }

    // An UNMAP under way has it; to another that is EBUSY.
    [[nodiscard]] static bool picked(const Node& node, const IovaRange& area) {
        return std::ranges::any_of(node.begun, [&](const auto& b) { return b && b->picked == area; });
    }

    // What an UNMAP has still to look at; nullopt: nothing.
    [[nodiscard]] std::optional<Unmap> rest_of(const Node& node, std::size_t lane) const {
        const auto& unmap = std::get<Unmap>(*next(node, lane)->step());
        const auto& begun = node.begun[lane];
        if (!begun) return unmap;
        return begun->rest ? std::optional(Unmap{unmap.ioas, begun->rest}) : std::nullopt;
    }

    // An UNMAP that has begun may end now: nothing is left, or the next mapping would be cut.
    [[nodiscard]] bool may_end(const Node& node, std::size_t lane) const {
        const auto rest = rest_of(node, lane);
        const auto left = rest ? node.model->next_unmapped(*rest) : UnmapNext{};
        const auto& answer = answer_of(*next(node, lane));
        if (answer.error.ok())
            return left.kind == UnmapNext::Kind::none && answer.value == node.begun[lane]->bytes;
        return answer.error.value == ENOENT && left.kind == UnmapNext::Kind::cut;
    }

    // One step further in every order the answers allow; false if there is none.
    bool advance() {
        take_pieces();
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
        if (node.begun[lane] && node.begun[lane]->picked) return false;
        if (std::ranges::any_of(steps_, [&](const Line* other) {
                return concurrent(*other, line) && met_halfway(line, *other);
            }))
            return true;
        if (node.begun[lane] && std::holds_alternative<Unmap>(*line.step())) return may_end(node, lane);
        return node.model->predict(*line.step()).allows(answer_of(line)) &&
               node.model->objection(*line.step(), answer_of(line)).empty();
    }

    // Memory is bounded, too: a large state counts for several.
    Node copy(const Node& node) {
        states_ += 1 + node.model->mappings() / kPartsOfAState + node.effects.size() / kPartsOfAState;
        return {node.done, node.begun, node.model->clone(), node.effects};
    }

    static void apply(Node& node, std::size_t step, const Step& what, const Answer& answer, const Interval& when) {
        for (auto& change : node.model->apply(what, answer)) {
            const auto at = std::ranges::upper_bound(node.effects, thing_of(change), {},
                                                     [](const Effect& e) { return thing_of(e.change); });
            node.effects.insert(at, {step, std::move(change), when});
        }
    }

    void follow(Node& node, std::size_t lane) const {
        const auto step = lanes_[lane][node.done[lane]++];
        const auto* attach = std::get_if<Attach>(steps_[step]->step());
        if (attach != nullptr && answer_of(*steps_[step]).error.ok() && std::ranges::any_of(steps_, [&](const Line* other) {
                return concurrent(*other, *steps_[step]) && moves_groups(*other->step());
            }))
            node.model->raced(*attach);
        const bool begun = node.begun[lane].has_value();
        node.begun[lane].reset();
        if (!begun || !std::holds_alternative<Unmap>(*steps_[step]->step()))  // else all is done
            apply(node, step, *steps_[step]->step(), answer_of(*steps_[step]), *steps_[step]->when);
    }

    static bool same(const Node& a, const Node& b) {
        return a.begun == b.begun && a.effects == b.effects && a.model->same_state(*b.model);
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
    std::vector<bool> in_pieces_;                  // by step: an UNMAP that others may come between
    std::vector<Node> layer_;                      // all with as many steps done
    Orders out_;
};

}  // namespace

Orders linearize(const Model& start, const std::vector<const Line*>& steps, std::size_t most_states) {
    return Search(steps, most_states).run(start);
}

}  // namespace landfall
