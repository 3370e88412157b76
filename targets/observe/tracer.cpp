#include "observe/tracer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <utility>

#include "landfall/error.hpp"
#include "observe/call_filter.hpp"
#include "observe/call_numbers.hpp"
#include "os/deadline.hpp"
#include "os/fd.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kKillLimit{5000};
// Other threads may never leave nothing to notice. By then a dead child has had its turn.
constexpr unsigned kMostBeforeWait = 1000;
// ---- in the child -----------------------------------------------------------------------------------------

struct Prepared {
    std::vector<char*> argv;
    CallFilter filter;
    int output, go, filtered;
};

[[noreturn]] void become(const Prepared& p) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) dup2(null, STDIN_FILENO);
    dup2(p.output, STDOUT_FILENO);
    dup2(p.output, STDERR_FILENO);
    char c = 0;
    if (read(p.go, &c, 1) != 1) _exit(127);  // nobody traces us
    c = p.filter.install() ? 1 : 0;
    if (write(p.filtered, &c, 1) != 1) _exit(127);
    if (read(p.go, &c, 1) != 1) _exit(127);
    prctl(PR_SET_PDEATHSIG, 0);  // from here on PTRACE_O_EXITKILL
    execvp(p.argv[0], p.argv.data());
    fmt::print(stderr, "landfall: {}: {}\n", p.argv[0], std::strerror(errno));
    _exit(127);
}

// ---- in the tracer ----------------------------------------------------------------------------------------

std::pair<Fd, Fd> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw LabError(fmt::format("no pipe: {}", std::strerror(errno)));
    return {Fd(ends[0]), Fd(ends[1])};
}

constexpr long kOptions = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP |
                          PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                          PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;

unsigned long message_of(pid_t thread) {
    unsigned long message = 0;
    ptrace(PTRACE_GETEVENTMSG, thread, nullptr, &message);
    return message;
}

// clone3(2) passes its flags in memory.
std::uint64_t clone_flags(const std::optional<SystemCall>& call) {
    if (!call) return 0;
    if (call->number == SYS_clone) return call->arguments[0];
    std::uint64_t flags = 0;
    if (call->number == SYS_clone3)
        (void)read_memory(call->thread, call->arguments[0], std::as_writable_bytes(std::span(&flags, 1)));
    return flags;
}

/// SIGCHLD waits to be taken while this lives.
class HeldSignal {
  public:
    HeldSignal() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGCHLD);
        sigprocmask(SIG_BLOCK, &set_, &before_);
    }
    HeldSignal(const HeldSignal&) = delete;
    HeldSignal& operator=(const HeldSignal&) = delete;
    ~HeldSignal() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
    void wait(milliseconds limit) const {
        const timespec time{limit.count() / 1000, limit.count() % 1000 * 1'000'000};
        sigtimedwait(&set_, nullptr, &time);
    }

  private:
    sigset_t set_{}, before_{};
};

}  // namespace

bool read_memory(pid_t thread, std::uint64_t address, std::span<std::byte> to) {
    const Fd memory(open(fmt::format("/proc/{}/mem", thread).c_str(), O_RDONLY | O_CLOEXEC));
    return memory && pread(memory.get(), to.data(), to.size(), static_cast<off_t>(address)) ==
                         static_cast<ssize_t>(to.size());
}

Tracer::Tracer(const std::vector<std::string>& argv, int output) {
    auto [go_read, go] = make_pipe();
    auto [filtered, filtered_write] = make_pipe();
    Prepared prepared{{}, CallFilter(), output, go_read.get(), filtered_write.get()};
    for (const auto& word : argv) prepared.argv.push_back(const_cast<char*>(word.c_str()));
    prepared.argv.push_back(nullptr);
    program_ = fork();
    if (program_ < 0) throw LabError(fmt::format("cannot fork: {}", std::strerror(errno)));
    if (program_ == 0) {
        go.reset();
        become(prepared);
    }
    filtered_write.reset();
    threads_[program_];
    if (ptrace(PTRACE_SEIZE, program_, nullptr, kOptions) != 0)
        throw LabError(fmt::format("{} cannot be traced: {}", argv.front(), std::strerror(errno)),
                       "needs the right to use ptrace (root, or CAP_SYS_PTRACE)");
    char c = 1;
    // A tracer must be there before the filter is: without one its calls fail.
    if (write(go.get(), &c, 1) != 1 || read(filtered.get(), &c, 1) != 1)
        throw LabError(fmt::format("{} could not be started under observation", argv.front()));
    unfiltered_ = c == 0;
    if (unfiltered_) ptrace(PTRACE_INTERRUPT, program_, nullptr, nullptr);
    c = 1;
    (void)!write(go.get(), &c, 1);
}

Tracer::~Tracer() {
    if (threads_.empty()) return;
    kill_all();
    for (const Deadline deadline(kKillLimit); !deadline.passed();) {
        int status = 0;
        const pid_t thread = waitpid(-1, &status, __WALL | WNOHANG);
        if (thread < 0 && errno == ECHILD) return;
        if (thread > 0 && WIFSTOPPED(status)) ptrace(PTRACE_CONT, thread, nullptr, nullptr);
        if (thread == 0) usleep(1000);
    }
}

void Tracer::kill_all() {
    for (const auto& [thread, state] : threads_) kill(thread, SIGKILL);
}

ProgramEnd Tracer::run(CallListener& listener, milliseconds limit) {
    const HeldSignal child_signal;
    Deadline deadline(limit);
    listener.started(0, program_, 0);
    while (!threads_.empty()) {
        int status = 0;
        const pid_t thread = waitpid(-1, &status, __WALL | WNOHANG);
        if (thread > 0)
            handle(thread, status, listener);
        else if (thread < 0 && errno == ECHILD)
            break;
        else if (waiting_.empty())
            child_signal.wait(deadline.left());
        if (thread <= 0 || ++since_waited_ > kMostBeforeWait) resume_waiting();
        if (!deadline.passed()) continue;
        if (end_.out_of_time) throw LabError("the observed program cannot be killed");
        end_.out_of_time = true;
        kill_all();
        deadline = Deadline(kKillLimit);
    }
    threads_.clear();
    return end_;
}

// The kernel shows a dead child to its parent only after its tracer has taken notice of it. A program that
// learned of the death in another way (a pidfd) must find it all the same: its wait(2) goes on when there is
// nothing left to notice.
void Tracer::resume_waiting() {
    since_waited_ = 0;
    for (const pid_t thread : std::exchange(waiting_, {})) resume(thread);
}

void Tracer::handle(pid_t thread, int status, CallListener& listener) {
    if (WIFSTOPPED(status))
        stopped(thread, status, listener);
    else
        over(thread, status, listener);
}

void Tracer::stopped(pid_t thread, int status, CallListener& listener) {
    if (!threads_.contains(thread)) {
        early_.insert(thread);
        return;
    }
    const int signal = WSTOPSIG(status), what = status >> 16;
    if (signal == (SIGTRAP | 0x80) || what == PTRACE_EVENT_SECCOMP) return system_call(thread, listener);
    if (what == PTRACE_EVENT_STOP) {
        // A group stop lasts until SIGCONT; what else ends up here is a new thread, or our PTRACE_INTERRUPT.
        const bool group_stop =
            signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
        if (group_stop)
            ptrace(PTRACE_LISTEN, thread, nullptr, nullptr);
        else
            resume(thread);
        return;
    }
    if (what != 0) event(thread, what, listener);
    resume(thread, what != 0 ? 0 : signal);
}

void Tracer::event(pid_t thread, int event, CallListener& listener) {
    switch (event) {
        case PTRACE_EVENT_FORK:
        case PTRACE_EVENT_VFORK:
        case PTRACE_EVENT_CLONE: {
            const auto child = static_cast<pid_t>(message_of(thread));
            threads_[child];
            listener.started(thread, child, clone_flags(threads_[thread].call));
            if (early_.erase(child) > 0) resume(child);
            return;
        }
        case PTRACE_EVENT_EXEC: {
            const auto before = static_cast<pid_t>(message_of(thread));
            listener.executed(before, thread);
            if (before != thread) threads_.erase(before);
            threads_[thread].call.reset();
            return;
        }
        case PTRACE_EVENT_EXIT:
            threads_[thread].ending = true;
            return listener.ending(thread, static_cast<int>(message_of(thread)));
        default: return;
    }
}

// Entry and exit look alike to wait(2); the kernel knows which it is.
void Tracer::system_call(pid_t thread, CallListener& listener) {
    auto& state = threads_[thread];
    __ptrace_syscall_info info{};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return resume(thread);
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        if (state.call && state.reports) listener.returned(*state.call, info.exit.rval);
        state.call.reset();
        return resume(thread);
    }
    SystemCall call{thread, info.entry.nr, {}};
    std::ranges::copy(info.entry.args, call.arguments.begin());
    state.reports = info.arch == kOwnCalls && listener.entered(call);
    // Of others only those are kept that a PTRACE_EVENT may come out of, and whoever stops at every call
    // meets their end.
    const bool makes_thread = call.number == SYS_clone || call.number == SYS_clone3;
    if (state.reports || makes_thread || unfiltered_) state.call = call;
    if (call.number == SYS_wait4 || call.number == SYS_waitid)
        waiting_.push_back(thread);
    else
        resume(thread);
}

void Tracer::over(pid_t thread, int status, CallListener& listener) {
    early_.erase(thread);
    std::erase(waiting_, thread);
    if (threads_.erase(thread) == 0) return;
    if (thread == program_) {
        if (WIFEXITED(status)) end_.status = WEXITSTATUS(status);
        if (WIFSIGNALED(status)) end_.signal = WTERMSIG(status);
    }
    listener.ended(thread);
}

// Within a call that is watched the next stop is its end.
void Tracer::resume(pid_t thread, int signal) {
    const auto it = threads_.find(thread);
    const bool watched = unfiltered_ || (it != threads_.end() && it->second.call && !it->second.ending);
    ptrace(watched ? PTRACE_SYSCALL : PTRACE_CONT, thread, nullptr, static_cast<long>(signal));
}

}  // namespace landfall
