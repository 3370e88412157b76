// Who is next, by a seed.
#pragma once

#include "landfall/random.hpp"
#include "sim/scheduler.hpp"

namespace landfall::sim {

class RandomDecider final : public Decider {
  public:
    explicit RandomDecider(std::uint64_t seed) : random_(seed) {}
    [[nodiscard]] ActorId choose(std::span<const ActorId> ready) override {
        return ready.size() == 1 ? ready[0] : ready[random_.below(ready.size())];
    }

  private:
    Random random_;
};

}  // namespace landfall::sim
