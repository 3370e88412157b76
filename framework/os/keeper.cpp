#include "os/keeper.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>

#include "os/deadline.hpp"
#include "os/wire.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kRelease = 1, kDismiss = 2;
constexpr milliseconds kCleanupLimit{10'000};

[[noreturn]] void fail(const char* what) {
    throw LabError(fmt::format("{}: {}", what, std::strerror(errno)));
}

/// glibc 2.36 declares pidfd_open() without C linkage.
int open_pidfd(pid_t process) { return static_cast<int>(syscall(SYS_pidfd_open, process, 0)); }

// ---- in the keeper: system calls only
// ---------------------------------------------------------------------------

/// `keep` is sorted. One call a gap, so it costs the same whatever the limit of open files is.
void close_others(const std::vector<int>& keep) {
    unsigned first = 0;
    for (const int fd : keep) {
        if (static_cast<unsigned>(fd) > first) close_range(first, static_cast<unsigned>(fd) - 1, 0);
        first = static_cast<unsigned>(fd) + 1;
    }
    close_range(first, UINT_MAX, 0);
}

void leave_terminal() {
    setsid();
    for (int s = 1; s < NSIG; ++s) signal(s, SIG_DFL);  // handlers belong to the program we were
    for (const int s : {SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) signal(s, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    prctl(PR_SET_NAME, "landfall-keeper");
}

/// The owner's process is watched beside the line, since a fork of the owner could hold the line open.
KeeperProcess::Wake wait_for_end(int line, int owner, int ended) {
    std::array<pollfd, 3> fds{{{line, POLLIN, 0}, {owner, POLLIN, 0}, {ended, POLLIN, 0}}};
    while (poll(fds.data(), fds.size(), -1) < 0) {
    }
    std::uint64_t word = kRelease;
    if (fds[0].revents != 0 && read(line, &word, sizeof word) == sizeof word && word == kDismiss) {
        return KeeperProcess::Wake::dismissed;
    }
    if (fds[0].revents == 0 && fds[1].revents == 0) return KeeperProcess::Wake::ended;
    return KeeperProcess::Wake::released;
}

/// Everything exec needs, made before the first fork.
struct Prepared {
    const KeptProgram::Launch& launch;
    char** argv;
    int failure;  ///< takes the errno of what went wrong; closes by itself if nothing did
};

[[noreturn]] void become(const Prepared& p, pid_t keeper) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper) _exit(127);  // the keeper died before prctl was heard
    for (int s = 1; s < NSIG; ++s) signal(s, SIG_DFL);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const std::array<int, 3> stdio{p.launch.in, p.launch.out, p.launch.err};
    for (int n = 0; n < 3; ++n) dup2(stdio[n] >= 0 ? stdio[n] : null, n);
    for (const int fd : p.launch.inherit) fcntl(fd, F_SETFD, 0);
    execv(p.launch.program.c_str(), p.argv);
    const int why = errno;
    [[maybe_unused]] const auto written = write(p.failure, &why, sizeof why);
    _exit(127);
}

int run_until_end(const Prepared& p, const KeeperProcess::Wait& wait) {
    const pid_t keeper = getpid();
    const pid_t program = fork();
    if (program == 0) become(p, keeper);
    for (const int fd : p.launch.inherit) close(fd);  // the program's death must close its channels
    for (const int fd : {p.launch.in, p.launch.out, p.launch.err, p.failure}) {
        if (fd >= 0) close(fd);
    }
    if (program < 0) return 127;
    const int ended = open_pidfd(program);
    if (wait(ended) != KeeperProcess::Wake::ended) kill(program, SIGKILL);
    int status = 0;
    while (waitpid(program, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

// ---- in the owner
// -----------------------------------------------------------------------------------------------

KeeperProcess::KeeperProcess(std::vector<int> keep, const std::function<int(const Wait&)>& body) {
    // An eventfd, not a pipe or a socket: it needs no CONFIG_UNIX in a small guest and raises no SIGPIPE.
    line_ = Fd(eventfd(0, EFD_CLOEXEC));
    if (!line_) fail("cannot make an eventfd");
    const Fd owner(open_pidfd(getpid()));
    if (!owner) fail("cannot watch this process");
    keep.push_back(line_.get());
    keep.push_back(owner.get());
    std::sort(keep.begin(), keep.end());
    const Wait wait = [line = line_.get(), watched = owner.get()](int ended) {
        return wait_for_end(line, watched, ended);
    };
    pid_ = fork();
    if (pid_ < 0) fail("cannot fork");
    if (pid_ == 0) {
        leave_terminal();
        close_others(keep);
        _exit(body(wait));
    }
    process_ = Fd(open_pidfd(pid_));
}

KeeperProcess::~KeeperProcess() {
    tell(kRelease);
    if (!wait(kCleanupLimit)) {
        kill(pid_, SIGKILL);
        while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
}

void KeeperProcess::tell(std::uint64_t word) {
    if (line_) (void)!write(line_.get(), &word, sizeof word);
    line_.reset();
}

void KeeperProcess::dismiss() { tell(kDismiss); }

std::optional<int> KeeperProcess::wait(milliseconds limit) {
    if (status_) return status_;
    pollfd ended{process_.get(), POLLIN, 0};
    if (!wait_any({&ended, 1}, Deadline(limit))) return std::nullopt;
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return status_;
}

Keeper::Keeper(const std::function<void()>& cleanup)
    : process_({}, [&cleanup](const KeeperProcess::Wait& wait) {
          if (wait(-1) != KeeperProcess::Wake::dismissed) cleanup();
          return 0;
      }) {}

KeptProgram::KeptProgram(Launch launch) {
    auto [failed, failure] = make_wire();
    std::vector<char*> argv;
    for (std::string& word : launch.argv) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<int> keep = launch.inherit;
    for (const int fd : {launch.in, launch.out, launch.err, failure.get()}) {
        if (fd >= 0) keep.push_back(fd);
    }
    const Prepared prepared{launch, argv.data(), failure.get()};
    process_.emplace(std::move(keep),
                     [&prepared](const KeeperProcess::Wait& wait) { return run_until_end(prepared, wait); });
    failure.reset();
    int why = 0;
    if (read(failed.get(), &why, sizeof why) == static_cast<ssize_t>(sizeof why)) {
        throw LabError(fmt::format("cannot start {}: {}", launch.program, std::strerror(why)));
    }
}

}  // namespace landfall
