// Which orders may steps that ran side by side have taken effect in? The search of a linearizability checker:
// a step that ended before another began came first, steps of one lane come in their order, and beyond that
// any order counts in which the model owes every step the answer it got.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "landfall/line.hpp"
#include "landfall/model.hpp"

namespace landfall {

/// What one of the steps changed.
struct Effect {
    std::size_t step = 0;  ///< its index
    Change change;
    Interval when;  ///< the step's, without what the changes of the same thing before and after it rule out
    bool operator==(const Effect&) const = default;
};

/// One outcome that some order leads to.
struct Order {
    std::unique_ptr<Model> model;  ///< after all steps
    std::vector<Effect> effects;   ///< in order for each thing that changed: a group, a mapping, a device
};

/// A step whose answer no order allows.
struct Stuck {
    std::size_t step = 0;             ///< its index
    std::vector<std::size_t> beside;  ///< the steps it may have changed places with
    Prediction prediction;            ///< behind the longest run of steps that went right
    std::string objection;            ///< what is wrong with a value the kernel chose; empty: nothing
};

struct Orders {
    std::vector<Effect> agreed;  ///< what happened in every order, before what they differ in
    std::vector<Order> found;    ///< those that differ in state or effects; empty only if gave_up
    std::vector<Stuck> stuck;    ///< the observed answers were followed all the same
    bool gave_up = false;        ///< more states than `most_states`
};

/// `steps` are control steps with times and answers, in the order of their ends; in one lane they do not
/// overlap. Time and memory are bounded by most_states; where no two steps overlap a step costs as much as on
/// its own.
[[nodiscard]] Orders linearize(const Model& start, const std::vector<const Line*>& steps,
                               std::size_t most_states = 10000);

}  // namespace landfall
