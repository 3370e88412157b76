#include "linux/guest_children.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace landfall {
namespace {

/// Orphans that came to us are reaped on the way.
int wait_for(pid_t child) {
    int status = 0;
    for (pid_t ended; (ended = wait(&status)) != child;) {
        if (ended < 0 && errno == ECHILD) return 127;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string read_to_end(int file) {
    std::string out;
    std::array<char, 512> piece{};
    for (ssize_t n = 0; (n = read(file, piece.data(), piece.size())) > 0;) out.append(piece.data(), static_cast<std::size_t>(n));
    return out;
}

}  // namespace

int run_child(const std::function<int()>& child) {
    const pid_t process = fork();
    if (process == 0) _exit(child());
    return process < 0 ? 127 : wait_for(process);
}

StandIn::StandIn(const std::function<int(const std::string&)>& work) {
    std::array<int, 2> ends{-1, -1};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return;
    Fd theirs(ends[0]);
    request_ = Fd(ends[1]);
    process_ = fork();
    if (process_ != 0) return;
    request_.reset();
    const auto request = read_to_end(theirs.get());
    theirs.reset();
    _exit(request.empty() ? 0 : work(request));
}

// Where it is gone the write fails: SIGPIPE does not end the first process of a machine (kernel/signal.c, sig_task_ignored()).
std::optional<int> StandIn::run(const std::string& request) {
    const bool told = request_ && write(request_.get(), request.data(), request.size()) == static_cast<ssize_t>(request.size());
    request_.reset();
    return told ? std::optional(wait_for(process_)) : std::nullopt;
}

}  // namespace landfall
