// A program and all it starts, seen at its system calls: ptrace, with a seccomp filter where the kernel has
// one.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace landfall {

/// A system call of one thread. Arguments as the thread gave them.
struct SystemCall {
    pid_t thread = 0;
    std::uint64_t number = 0;
    std::array<std::uint64_t, 6> arguments{};
};

/// Who wants to know. A thread is stopped while it is told about it, so its memory and its descriptors hold
/// still unless others share them.
class CallListener {
  public:
    virtual ~CallListener() = default;
    /// The call has not begun. True: returned() shall follow.
    virtual bool entered(const SystemCall& call) = 0;
    /// `result` is what the thread will see: a value, or minus an errno.
    virtual void returned(const SystemCall& call, std::int64_t result) = 0;
    /// A new thread or process. `flags` are those of clone(2).
    virtual void started(pid_t parent, pid_t thread, std::uint64_t flags) = 0;
    /// Its other threads are gone, `before` is what the thread was called.
    virtual void executed(pid_t before, pid_t thread) = 0;
    /// It will end with this status of wait(2), but still has all it had; and, later, it has ended. The
    /// latter may come alone.
    virtual void ending(pid_t thread, int status) = 0;
    virtual void ended(pid_t thread) = 0;
};

/// How the observed program ended: by exit, or by a signal, or stopped by us as its time was over.
struct ProgramEnd {
    std::optional<int> status, signal;
    bool out_of_time = false;
    bool operator==(const ProgramEnd&) const = default;
};

class Tracer {
  public:
    /// Starts the program, which waits to be let go by run(). It reads nothing, and its stdout and stderr are
    /// `output`. Throws LabError if it cannot be traced; a program that cannot be executed ends with status
    /// 127.
    Tracer(const std::vector<std::string>& argv, int output);
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;
    /// Nothing it started outlives it, or this process.
    ~Tracer();

    [[nodiscard]] pid_t program() const { return program_; }
    /// Until the program and all it started have ended, or until the limit: then they are killed.
    [[nodiscard]] ProgramEnd run(CallListener& listener, std::chrono::milliseconds limit);

    /// Whether every system call stops a thread, because the kernel has no seccomp filters.
    [[nodiscard]] bool unfiltered() const { return unfiltered_; }

  private:
    struct Thread {
        std::optional<SystemCall> call;  ///< under way
        bool reports = false;            ///< the listener wants its end
        bool ending = false;
    };
    void handle(pid_t thread, int status, CallListener& listener);
    void stopped(pid_t thread, int status, CallListener& listener);
    void event(pid_t thread, int event, CallListener& listener);
    void system_call(pid_t thread, CallListener& listener);
    void over(pid_t thread, int status, CallListener& listener);
    void resume(pid_t thread, int signal = 0);
    void resume_waiting();
    void kill_all();

    pid_t program_ = -1;
    bool unfiltered_ = false;
    std::map<pid_t, Thread> threads_;
    std::set<pid_t> early_;       ///< stopped before their parent's event told of them
    std::vector<pid_t> waiting_;  ///< stopped at a wait(2) of theirs
    unsigned since_waited_ = 0;   ///< stops handled since the last of them went on
    ProgramEnd end_;
};

/// Copies memory of a thread; false if not all of it is there.
[[nodiscard]] bool read_memory(pid_t thread, std::uint64_t address, std::span<std::byte> to);

}  // namespace landfall
