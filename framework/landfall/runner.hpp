// Carries out steps on a target and writes down what happened. Judges nothing.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "landfall/arena.hpp"
#include "landfall/lane.hpp"
#include "landfall/memory_witness.hpp"
#include "landfall/target.hpp"

namespace landfall {

class Runner {
  public:
    /// IOVA window every IOAS that is not bare maps: one beacon page of its own, then the staging memory.
    static constexpr IovaRange kStaging{Iova{0x7000'0000}, 1U << 20};

    using Sink = std::function<void(const Line&)>;
    /// `sink` is called for events and for the steps of blocks, from any thread, never two at a time. `witness` outlives
    /// it; nullptr: there is none, and what lands outside the lab's memory is not seen. `pumps`: whether each of their DMAs
    /// is looked for and reported, or only how many there were.
    enum class Pumps { reported, bare };
    Runner(Target& target, Sink sink, MemoryWitness* witness = nullptr, Pumps pumps = Pumps::reported);
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    /// Opens every device and returns the head of the trace; its last line is the staging fact.
    /// Throws LabError if a device cannot be opened.
    [[nodiscard]] std::vector<Line> begin();

    /// Carries out one step: the same line with its times and outcome. Whatever the step is, it returns.
    [[nodiscard]] Line step(Line line);
    /// Carries out a block: the lanes run side by side, each takes its own steps in order. Every step goes to the sink when
    /// it ends, so control steps in the order of their ends. False if the rig cannot do one of them (`unmet`).
    [[nodiscard]] bool block(std::vector<Line> steps);

    /// Stops what still runs and returns the last lines: late events, bytes that strayed,
    /// in the lab's memory and, with a witness, elsewhere, `end`.
    [[nodiscard]] std::vector<Line> finish();

  private:
    struct Space {
        ObjectId id;
        bool hwpt = false;
    };
    struct Known {
        DeviceId id;
        DeviceFact fact;
        std::unique_ptr<Lane> lane;
    };

    /// The outcome, and when: without an end if that is now.
    [[nodiscard]] Line attempt(Line line);
    /// False if the rig cannot do it.
    [[nodiscard]] bool step_of_block(Line step);
    [[nodiscard]] Outcome carry_out(const Step& step, Interval& when);
    [[nodiscard]] Outcome require(const Require& step);
    [[nodiscard]] Outcome make_ioas(const Ioas& step);
    [[nodiscard]] Outcome make_hwpt(const Hwpt& step);
    [[nodiscard]] Outcome attach(const Attach& step);
    [[nodiscard]] Outcome map(const Map& step);
    [[nodiscard]] Outcome destroy(const Destroy& step);
    [[nodiscard]] Outcome control(const DeviceControl& step);
    [[nodiscard]] Outcome dma(const Dma& step, Interval& when);
    [[nodiscard]] Outcome start(const Start& step);
    [[nodiscard]] Outcome wait(const Wait& step, Interval& when);
    [[nodiscard]] Outcome pump(const Pump& step);
    [[nodiscard]] Outcome view(const View& step, Interval& when);
    [[nodiscard]] Outcome witness();

    [[nodiscard]] Known& device(const std::string& name);
    [[nodiscard]] Space space(const std::string& name);
    [[nodiscard]] ObjectId object(const std::string& name) { return space(name).id; }
    void remember(const std::string& name, const Space& space);
    void emit(Line line);
    void emit_events();
    void settle();
    /// What DMA has left outside the lab's memory and was not told before.
    [[nodiscard]] std::vector<Line> search();

    Target& target_;
    Sink sink_;
    MemoryWitness* witness_;
    Pumps pumps_;
    std::set<std::pair<GuestAddress, std::uint64_t>> told_;  ///< where such bytes were found, and their sequence
    std::mutex sink_mutex_;
    Arena arena_;
    std::vector<std::string> features_;
    std::mutex objects_mutex_;
    std::map<std::string, Space, std::less<>> objects_;
    Bustle bustle_;  ///< of all lanes
    std::atomic<std::uint64_t> steps_{0};
    std::map<std::string, Known, std::less<>> devices_;  ///< last: engines stop before memory goes
};

}  // namespace landfall
