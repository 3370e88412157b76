// One device doing DMA: its engine, its part of the staging window, and the DMA that is in flight.
#pragma once

#include <atomic>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "landfall/arena.hpp"
#include "landfall/target.hpp"

namespace landfall {

/// The DMAs of all lanes of a run. A device whose source was blocked may write other bytes than its DMA carries; if
/// it was alone they are its own, else nobody can tell, and they are `doubtful` until the arena is swept.
struct Bustle {
    std::atomic<int> flying{0};
    std::atomic<bool> doubtful{false};
    /// Held when a DMA starts, by one that was alone until the bytes it calls its own are accounted for, and by a sweep.
    std::mutex mutex;
    std::uint64_t started = 0;
    std::vector<std::uint64_t> open;  ///< sequence numbers of DMAs whose landing was not looked for yet
    /// Steps that may move what a device sees: how many are under way, and how many have begun.
    std::atomic<int> changing{0};
    std::atomic<std::uint64_t> changes{0};

    /// Held from before such a step's begin until after its end: no time in between is one in which nothing changed.
    class Change {
      public:
        Change(Bustle& bustle, const Step& step) : bustle_(moves_views(step) ? &bustle : nullptr) {
            if (bustle_ == nullptr) return;
            ++bustle_->changing;
            ++bustle_->changes;
        }
        ~Change() {
            if (bustle_ != nullptr) --bustle_->changing;
        }
        Change(const Change&) = delete;
        Change& operator=(const Change&) = delete;

      private:
        Bustle* bustle_;
    };
};

class Lane {
  public:
    static constexpr std::size_t kEngineBytes = 64U << 10;  ///< rings and descriptors
    static constexpr std::size_t kLongest = 16U << 10;      ///< DMA
    /// What a lane needs of the staging window, and what it can use: the more payloads, the more DMAs of a pump under way.
    static constexpr std::size_t kLeastBytes = kEngineBytes + 2 * kLongest, kMostBytes = kEngineBytes + 8 * kLongest;

    /// `slice` is kLeastBytes long or longer. `bustle` is shared by all lanes of the run.
    Lane(Target& target, DeviceId device, Arena& arena, StagingSlice slice, Bustle& bustle);
    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// After the device was opened: takes its engine. Before it is closed or reset by hand: lets go of it.
    void open();
    void close();
    /// The device was reset behind the engine's back: it is brought up again before its next DMA.
    void forget() {
        ready_ = false;
        tried_.reset();
    }

    /// Why this device cannot do this DMA at all; empty if it can. Brings the device up if need be, since some engines
    /// learn from it what it can do; the start() that follows does not try again.
    [[nodiscard]] std::string refusal(const DmaRequest& request);

    struct Done {
        DmaRequest request;  ///< as the device did it: to another place, perhaps, than it was asked (Arrival)
        Landing landing;
        Interval when;
        std::uint64_t times = 1;  ///< so many DMAs, each like this
    };
    /// One DMA, seen through. No other may be in flight on this lane.
    [[nodiscard]] Done run(const DmaRequest& request);
    void start(const DmaRequest& request);
    [[nodiscard]] bool in_flight() const { return !flights_.empty(); }
    [[nodiscard]] Done wait();  ///< for the oldest; only if in_flight()

    using Report = std::function<void(const Done&)>;
    /// Does the DMAs of a pump on a thread of its own, `report`ing each, until halt(); those that were all alike while nothing
    /// changed are told together. Without `report` it is the bare engine:
    /// nothing is stamped or looked for, so that one can see what that costs.
    void pump(const Pump& pump, Report report);
    /// Returns how many DMAs the pump did. Throws what the engine has thrown meanwhile.
    std::uint64_t halt();

  private:
    struct Flight {
        DmaRequest request;
        std::uint64_t sequence = 0;
        Nanoseconds begin;
        std::uint64_t nth = 0;      ///< of all DMAs of the run
        bool began_alone = false;
        std::size_t payload = 0;          ///< its offset
        std::optional<Arrival> arrival{};  ///< known before it was waited for
    };
    void bring_up();
    void repeat(const Pump& pump, const Report& report);
    void repeat_bare(const Pump& pump);
    class Steady;
    void divide(const Pump& pump);
    /// DMAs that are started at once where a pump has so many under way: one, or half of many.
    [[nodiscard]] std::size_t burst() const;
    /// False: the pump was told to stop meanwhile.
    [[nodiscard]] bool await(Nanoseconds due);
    void stop_pump();
    [[nodiscard]] std::size_t place_of(std::size_t slot) const { return slot * room_; }
    [[nodiscard]] std::span<std::byte> payload(const Flight& flight) const;
    [[nodiscard]] CopyRequest copy_of(const DmaRequest& request, std::size_t payload) const;
    [[nodiscard]] CopyRequest prepare(const Flight& flight);
    [[nodiscard]] Landing::Status land(Flight& flight);
    void give_up(const Flight& failed);
    /// What the device did was this.
    void move(Flight& flight, Iova elsewhere) const;
    void look(const Flight& flight, Landing& landing);
    void look_at_write(const Flight& flight, bool alone, Landing& landing);
    void look_at_copy(const Flight& flight, bool alone, const std::vector<std::uint64_t>& others, Landing& landing);
    /// No other DMA was under way at any time of this one, and none before has left bytes nobody accounts for. The mutex of
    /// the bustle is held.
    [[nodiscard]] bool alone(const Flight& flight) const;

    Target& target_;
    DeviceId device_;
    Arena& arena_;
    StagingSlice slice_;
    StagingSlice payloads_;  ///< what a write sends, where a read arrives
    Bustle& bustle_;
    std::unique_ptr<Engine> engine_;
    bool ready_ = false;
    std::optional<Nanoseconds> tried_;  ///< when the device began to be brought up for the DMA that comes next
    std::deque<Flight> flights_;  ///< the oldest first
    std::size_t slots_ = 1, next_slot_ = 0;  ///< payloads that are used, in turn
    std::size_t room_ = kLongest;            ///< bytes from one to the next
    std::atomic<bool> stop_{false};
    std::uint64_t pumped_ = 0;
    std::exception_ptr failed_;  ///< ended the pump
    std::thread pump_;
};

}  // namespace landfall
