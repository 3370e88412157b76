#include "sim/scheduler.hpp"

#include <algorithm>
#include <stdexcept>

namespace landfall::sim {
namespace {

constexpr std::uint64_t kMicroStep = 10;  // ns of virtual time

std::uint64_t bit(ActorId id) { return std::uint64_t{1} << id.value; }

bool shares(Touch::Kind k) { return k == Touch::Kind::share || k == Touch::Kind::unshare; }
bool of_lock(Touch::Kind k) { return shares(k) || k == Touch::Kind::acquire || k == Touch::Kind::release; }

}  // namespace

bool dependent(const Touch& a, const Touch& b) {
    using Kind = Touch::Kind;
    if (a.kind == Kind::begin || a.kind == Kind::end)
        return (b.kind == Kind::begin || b.kind == Kind::end) && a.kind != b.kind;
    if (a.what != b.what) return false;
    if (of_lock(a.kind)) return of_lock(b.kind) && !(shares(a.kind) && shares(b.kind));
    if (a.kind == Kind::signal || a.kind == Kind::heed)
        return (b.kind == Kind::signal || b.kind == Kind::heed) && a.kind != b.kind;
    return (a.kind == Kind::write || b.kind == Kind::write) && b.kind <= Kind::write;
}

void Scheduler::spawn(ActorId id, Task<void> task) {
    if (alive(id)) throw std::logic_error("two actors of one id");
    auto& a = actors_[id.value];
    a.next = task.handle();
    a.task = std::move(task);
    a.ready = nullptr;
    a.not_before = {};
    alive_ |= bit(id);
}

void Scheduler::kill(ActorId id) {
    alive_ &= ~bit(id);
    actors_[id.value].task = {};
}

void Scheduler::kill_all() {
    for (std::size_t i = 0; i < kMaxActors; ++i) kill({static_cast<std::uint8_t>(i)});
}

void Scheduler::pause(std::coroutine_handle<> h, Ready ready, const void* context, Nanoseconds not_before) {
    auto& a = actors_[current_];
    a.next = h;
    a.ready = ready;
    a.context = context;
    a.not_before = not_before;
}

void Scheduler::collect_ready() {
    for (;;) {
        ready_count_ = 0;
        Nanoseconds earliest{~std::uint64_t{0}};
        for (auto left = alive_; left != 0; left &= left - 1) {
            const auto i = static_cast<std::size_t>(std::countr_zero(left));
            const auto& a = actors_[i];
            if (a.not_before > now_)
                earliest = std::min(earliest, a.not_before);
            else if (a.ready == nullptr || a.ready(a.context))
                ready_[ready_count_++] = {static_cast<std::uint8_t>(i)};
        }
        if (ready_count_ > 0) return;
        if (earliest.value == ~std::uint64_t{0}) throw std::logic_error("the simulated machine is stuck");
        now_ = earliest;
    }
}

void Scheduler::run_one() {
    const auto chosen = decider_.choose({ready_.data(), ready_count_});
    current_ = chosen.value;
    now_.value += kMicroStep;
    ++micro_steps_;
    touched_.clear();
    auto& a = actors_[current_];
    a.next.resume();
    if (recording_) decider_.executed(chosen, touched_);
    if (!a.task.done()) return;
    alive_ &= ~bit(chosen);
    a.task = {};
}

void Scheduler::run_until_gone(std::uint64_t actors) {
    while ((alive_ & actors) != 0) {
        collect_ready();
        run_one();
    }
}

}  // namespace landfall::sim
