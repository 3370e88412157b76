// One thread, many actors, virtual time. An actor runs from one micro-step to the next; who is next is
// decided by a Decider, so one sequence of decisions is one history, on every machine.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "landfall/types.hpp"
#include "sim/task.hpp"

namespace landfall::sim {

/// Names an actor by its part in the scenario, so that it has the same number in every interleaving: control
/// lane N, or the DMA of device N.
struct ActorId {
    std::uint8_t value = 0;
    auto operator<=>(const ActorId&) const = default;
    static constexpr ActorId lane(unsigned n) { return {static_cast<std::uint8_t>(n)}; }
    static constexpr ActorId dma(std::size_t device) { return {static_cast<std::uint8_t>(32 + device)}; }
};
inline constexpr std::size_t kMaxActors = 64;

/// What a micro-step has to do with the rest of the machine. Two that are not dependent commute.
struct Touch {
    enum class Kind : std::uint8_t {
        read,
        write,
        acquire,  ///< of a lock: races with other acquisitions
        release,  ///< orders what follows it, races with nothing
        share,    ///< of a lock, beside others that share it: races with acquisitions only
        unshare,  ///< as release, for acquisitions only
        signal,   ///< lets others go on that heed it: their order is no choice
        heed,
        begin,  ///< a step or DMA begins: its order against ends can be seen in the trace
        end,
    };
    Kind kind{};
    std::uint64_t what = 0;  ///< the thing touched; see the touch helpers of the machine
};
[[nodiscard]] bool dependent(const Touch& a, const Touch& b);

/// Takes the decisions. `ready` is never empty and in ascending order.
class Decider {
  public:
    virtual ~Decider() = default;
    [[nodiscard]] virtual ActorId choose(std::span<const ActorId> ready) = 0;
    /// What the micro-step chosen last turned out to touch. Called only if wants_touches().
    virtual void executed(ActorId /*actor*/, std::span<const Touch> /*touched*/) {}
    [[nodiscard]] virtual bool wants_touches() const { return false; }
    /// Time is no more than order: nobody sleeps. For a decider that tries every order.
    [[nodiscard]] virtual bool timeless() const { return false; }
};

class Scheduler;

/// Held by one actor, or shared by several; the guard lets go of it.
class Mutex {
  public:
    explicit Mutex(std::uint64_t id) : id_(id) {}

  private:
    friend class Scheduler;
    std::uint64_t id_;
    int holders_ = 0;  ///< -1: one, for itself
};

class Scheduler {
  public:
    explicit Scheduler(Decider& decider) : decider_(decider), recording_(decider.wants_touches()) {}
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    /// Starts an actor. There must be none of this id.
    void spawn(ActorId id, Task<void> task);
    [[nodiscard]] bool alive(ActorId id) const { return (alive_ >> id.value & 1) != 0; }
    /// The actor is no more, wherever it stood. Not for the one that runs.
    void kill(ActorId id);
    void kill_all();
    /// Micro-steps until none of these actors (a bit each) is left. Throws std::logic_error if they cannot go
    /// on.
    void run_until_gone(std::uint64_t actors);

    [[nodiscard]] Nanoseconds now() const { return now_; }
    [[nodiscard]] std::uint64_t micro_steps() const { return micro_steps_; }

    void touch(Touch::Kind kind, std::uint64_t what) {
        if (recording_) touched_.push_back({kind, what});
    }

    // -- what actors await
    /// The end of a micro-step: anybody may run before the next.
    [[nodiscard]] auto step() { return Pause{*this, nullptr, nullptr}; }
    /// Goes on when `condition.ready()`. It must live as long as the actor waits.
    template <class Condition>
    [[nodiscard]] auto until(const Condition& condition) {
        return Pause{*this, [](const void* c) { return static_cast<const Condition*>(c)->ready(); },
                     &condition};
    }
    /// Goes on not before this instant; the clock jumps there if nobody else has anything to do.
    /// Where every order is tried, time is no more than order, and this is a step like any other.
    [[nodiscard]] auto sleep_until(Nanoseconds t) {
        return Sleep{*this, decider_.timeless() ? Nanoseconds{} : t};
    }
    [[nodiscard]] auto lock(Mutex& mutex) { return Lock{{*this, is_free, &mutex}, mutex, false}; }
    [[nodiscard]] auto share(Mutex& mutex) { return Lock{{*this, is_shareable, &mutex}, mutex, true}; }

    class Guard {
      public:
        Guard() = default;
        Guard(Scheduler& s, Mutex& m, bool shared) : scheduler_(&s), mutex_(&m), shared_(shared) {}
        Guard(Guard&& o) noexcept
            : scheduler_(o.scheduler_), mutex_(std::exchange(o.mutex_, nullptr)), shared_(o.shared_) {}
        Guard& operator=(Guard&& o) noexcept {
            std::swap(scheduler_, o.scheduler_);
            std::swap(mutex_, o.mutex_);
            std::swap(shared_, o.shared_);
            return *this;
        }
        ~Guard() { unlock(); }
        void unlock() {
            if (mutex_ == nullptr) return;
            mutex_->holders_ = std::max(mutex_->holders_ - 1, 0);
            scheduler_->touch(shared_ ? Touch::Kind::unshare : Touch::Kind::release, mutex_->id_);
            mutex_ = nullptr;
        }

      private:
        Scheduler* scheduler_ = nullptr;
        Mutex* mutex_ = nullptr;
        bool shared_ = false;
    };

  private:
    using Ready = bool (*)(const void*);
    struct Actor {
        Task<void> task;
        std::coroutine_handle<> next;
        Ready ready = nullptr;
        const void* context = nullptr;
        Nanoseconds not_before;
    };
    struct Pause {
        Scheduler& scheduler;
        Ready ready;
        const void* context;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) const { scheduler.pause(h, ready, context, {}); }
        void await_resume() const noexcept {}
    };
    struct Sleep {
        Scheduler& scheduler;
        Nanoseconds until;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) const { scheduler.pause(h, nullptr, nullptr, until); }
        void await_resume() const noexcept {}
    };
    struct Lock : Pause {
        Mutex& mutex;
        bool shared;
        Guard await_resume() const {
            mutex.holders_ = shared ? mutex.holders_ + 1 : -1;
            this->scheduler.touch(shared ? Touch::Kind::share : Touch::Kind::acquire, mutex.id_);
            return Guard(this->scheduler, mutex, shared);
        }
    };

    static bool is_free(const void* mutex) { return static_cast<const Mutex*>(mutex)->holders_ == 0; }
    static bool is_shareable(const void* mutex) { return static_cast<const Mutex*>(mutex)->holders_ >= 0; }
    void pause(std::coroutine_handle<> h, Ready ready, const void* context, Nanoseconds not_before);
    void collect_ready();
    void run_one();

    Decider& decider_;
    bool recording_;
    std::vector<Touch> touched_;  ///< before the actors: those that are destroyed still let go of locks
    std::array<Actor, kMaxActors> actors_;
    std::uint64_t alive_ = 0;  ///< a bit an actor
    std::size_t current_ = 0;
    Nanoseconds now_{1000};
    std::uint64_t micro_steps_ = 0;
    std::array<ActorId, kMaxActors> ready_;
    std::size_t ready_count_ = 0;
};

}  // namespace landfall::sim
