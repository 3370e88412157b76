// Plays the steps of a scenario on a simulated machine and writes the trace. Judges nothing.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "landfall/scenario.hpp"
#include "sim/machine.hpp"

namespace landfall::sim {

class Play {
  public:
    using OnLine = std::function<void(const Line&)>;
    /// `on_line` takes every line of the trace, in order. `decider` outlives the play.
    Play(const Config& config, Decider& decider, OnLine on_line);

    /// Facts of the machine, as the head of the trace has them; the last is the staging fact.
    [[nodiscard]] std::vector<Line> head() const;
    /// Carries out all of it, as far as it is to be run, and finish().
    void run(const Scenario& scenario);
    /// Carries out one block of steps: one, or those of several lanes.
    void run(std::span<const Line> steps);
    /// Late writes and `end`.
    void finish();
    /// A step was not met, or could not be carried out: what follows is not to be run.
    [[nodiscard]] bool over() const { return over_; }
    [[nodiscard]] std::uint64_t micro_steps() { return machine_.scheduler().micro_steps(); }

  private:
    struct Object {
        Ioas* ioas = nullptr;
        Hwpt* hwpt = nullptr;
    };
    struct Pump {
        unsigned budget = 0;
        bool stop = false;
        std::uint64_t count = 0;
        std::uint64_t thing = 0;  ///< for Scheduler::touch
        [[nodiscard]] bool ready() const { return stop || budget > 0; }
    };
    /// The actor of a device is no more.
    struct Gone {
        const Scheduler& scheduler;
        ActorId actor;
        [[nodiscard]] bool ready() const { return !scheduler.alive(actor); }
    };

    [[nodiscard]] Task<> lane(std::vector<Line> steps);
    [[nodiscard]] Task<> pumping(Device& device, landfall::Pump step, Pump& pump);
    [[nodiscard]] Task<Outcome> carry_out(const Step& step);
    [[nodiscard]] Task<Outcome> instantly(Outcome outcome);
    [[nodiscard]] Task<Outcome> answering(Task<Answer> task);
    [[nodiscard]] Task<Outcome> make_ioas(const landfall::Ioas& step);
    [[nodiscard]] Task<Outcome> make_hwpt(const landfall::Hwpt& step);
    [[nodiscard]] Task<Outcome> map(const Map& step);
    [[nodiscard]] Task<Outcome> copy(const IoasCopy& step);
    [[nodiscard]] Task<Outcome> ranges(const Ranges& step);
    [[nodiscard]] Task<Outcome> control(const DeviceControl& step);
    [[nodiscard]] Task<Outcome> dma(const Dma& step);
    [[nodiscard]] Task<Outcome> wait(const Wait& step);
    [[nodiscard]] Task<Outcome> halt(const Halt& step);
    [[nodiscard]] Task<Outcome> view(const View& step);
    [[nodiscard]] Task<Outcome> pause(const Sleep& step);
    [[nodiscard]] Outcome start(const Start& step);
    [[nodiscard]] Outcome pump(const landfall::Pump& step);
    [[nodiscard]] Outcome buffer(const Buffer& step);
    [[nodiscard]] Outcome require(const Require& step);
    [[nodiscard]] Outcome witness();
    void tell_elsewhere();
    /// The first name the step needs and nobody made; empty if there is none.
    [[nodiscard]] std::string missing(const Step& step);

    [[nodiscard]] Device& device(const std::string& name) { return *machine_.device(name); }
    [[nodiscard]] Ioas& ioas(const std::string& name) { return *objects_.at(name).ioas; }
    void emit(Line line);

    Config config_;
    OnLine on_line_;
    std::map<std::string, Object, std::less<>> objects_;
    std::map<std::string, Flight, std::less<>> flights_;  ///< by device: started, not yet waited for
    std::map<std::string, Pump, std::less<>> pumps_;
    std::set<std::pair<GuestAddress, std::uint64_t>> told_;  ///< by address and sequence
    std::uint64_t steps_ = 0;
    bool over_ = false;
    Machine machine_;  ///< last: its actors refer to what is above
};

/// What a machine that is not told otherwise is made of: a and b share a group, c stands behind another unit.
[[nodiscard]] Config default_config();

}  // namespace landfall::sim
