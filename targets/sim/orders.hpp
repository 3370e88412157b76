// Deciders that try every order there is, and one that knows orders apart.
#pragma once

#include <exception>
#include <unordered_map>
#include <vector>

#include "sim/scheduler.hpp"

namespace landfall::sim {

/// Thrown by EveryOrder::choose(): the interleaving begun is covered by others.
struct Covered : std::exception {};

/// Depth-first through all interleavings that differ in the order of dependent micro-steps. Restart the
/// program with the same steps for every call of next().
class EveryOrder final : public Decider {
  public:
    [[nodiscard]] ActorId choose(std::span<const ActorId> ready) override;
    void executed(ActorId actor, std::span<const Touch> touched) override;
    [[nodiscard]] bool wants_touches() const override { return true; }
    [[nodiscard]] bool timeless() const override { return true; }

    /// Turns to the next interleaving; false when there is none.
    [[nodiscard]] bool next();
    [[nodiscard]] std::vector<ActorId> schedule() const;

  private:
    static constexpr std::size_t kActors = kMaxActors;
    using Clock = std::array<std::uint32_t, kActors>;  ///< by actor: how many of its steps came before
    struct Asleep {
        ActorId actor;
        std::vector<Touch> touched;
    };
    struct Node {
        std::uint64_t ready = 0, wanted = 0;  ///< a bit an actor
        ActorId chosen;
        std::vector<Touch> touched;
        std::vector<Asleep> asleep;  ///< explored before, and nothing since has touched what they touch
        Clock clock{};               ///< after the step
        std::uint32_t nth = 0;       ///< of its actor's steps, from 1
    };
    [[nodiscard]] std::vector<Asleep> still_asleep() const;
    void order(Node& node);
    void look_for_races(std::size_t at);
    void turn_round(std::size_t early, std::size_t late);

    std::vector<Node> path_;
    std::size_t depth_ = 0;     ///< micro-steps of this interleaving so far
    std::size_t replayed_ = 0;  ///< of them that are as before
};

/// Passes decisions on and sums up the interleaving in a number that is the same for those that differ only
/// in the order of independent steps.
class Fingerprint final : public Decider {
  public:
    explicit Fingerprint(Decider& by) : by_(by) {}
    [[nodiscard]] ActorId choose(std::span<const ActorId> ready) override { return by_.choose(ready); }
    void executed(ActorId actor, std::span<const Touch> touched) override;
    [[nodiscard]] bool wants_touches() const override { return true; }
    [[nodiscard]] bool timeless() const override { return by_.timeless(); }
    [[nodiscard]] std::uint64_t value() const { return sum_; }

  private:
    struct Past {
        std::uint64_t written = 0, read = 0;  ///< what wrote it last; all that read it since
        std::uint64_t held = 0;               ///< what took the lock, or let go of it, last
        std::uint64_t shared = 0;             ///< all that shared it since, or ceased to
        std::uint64_t signalled = 0, heeded = 0;
    };
    Decider& by_;
    std::array<std::uint64_t, kMaxActors> last_{};  ///< by actor: its last step
    std::unordered_map<std::uint64_t, Past> things_;
    std::uint64_t begun_ = 0, ended_ = 0, sum_ = 0;
};

}  // namespace landfall::sim
