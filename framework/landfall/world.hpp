// What may have happened so far. While steps follow one another there is one world; where steps overlap and
// their effects depend on the order they took effect in, there is one for each order the answers allow, until
// something is seen that only some of them explain.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "landfall/checker.hpp"
#include "landfall/debts.hpp"
#include "landfall/faults.hpp"
#include "landfall/history.hpp"
#include "landfall/linearize.hpp"

namespace landfall {

struct World {
    std::unique_ptr<Model> model;
    History history;
    FaultLog faults;   ///< that may be reported
    FaultDebts debts;  ///< that must be
    [[nodiscard]] World fork() const { return {model->clone(), history, faults, debts}; }
};

class Worlds {
  public:
    /// Worlds carried along at most.
    static constexpr std::size_t kMost = 64;

    explicit Worlds(std::unique_ptr<Model> model) { worlds_.push_back({std::move(model), {}, {}, {}}); }

    [[nodiscard]] std::size_t count() const { return worlds_.size(); }
    [[nodiscard]] const World& best() const { return worlds_.front(); }
    [[nodiscard]] auto begin() { return worlds_.begin(); }
    [[nodiscard]] auto end() { return worlds_.end(); }
    [[nodiscard]] auto begin() const { return worlds_.begin(); }
    [[nodiscard]] auto end() const { return worlds_.end(); }

    /// `look` finds what is wrong with something that was seen, if a world is the true one. Those where
    /// nothing is are kept alone; if there are none, all stay, and what is wrong in the best of them is
    /// returned.
    template <class Look>
    [[nodiscard]] std::vector<Violation> explain(Look look) {
        if (worlds_.size() == 1) return look(worlds_.front());
        std::vector<std::vector<Violation>> found;
        for (auto& world : worlds_) found.push_back(look(world));
        return keep_best(std::move(found));
    }

    /// Control steps that ran side by side, in the order of their ends: every world goes on in each way that
    /// the answers allow. Returns the steps whose answers none allows. `doubt` is set if there are too many
    /// ways to follow.
    [[nodiscard]] std::vector<Stuck> play(const std::vector<const Line*>& steps, std::string& doubt);

    /// Nothing will ask about an instant before this one again. Worlds that no longer differ become one.
    void forget(Nanoseconds before);

  private:
    [[nodiscard]] std::vector<Violation> keep_best(std::vector<std::vector<Violation>> found);
    void merge(Nanoseconds before);

    std::vector<World> worlds_;  ///< never empty
};

}  // namespace landfall
