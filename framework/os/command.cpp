#include "os/command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "landfall/error.hpp"
#include "os/deadline.hpp"
#include "os/fd.hpp"

extern char** environ;

namespace landfall {
namespace {

std::pair<Fd, Fd> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw LabError(fmt::format("no pipe: {}", std::strerror(errno)));
    return {Fd(ends[0]), Fd(ends[1])};
}

std::vector<std::string> environment_of(const CommandOptions& options) {
    std::vector<std::string> all;
    for (const auto& [name, value] : options.environment) all.push_back(name + "=" + value);
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view name = std::string_view(*entry).substr(0, std::string_view(*entry).find('='));
        bool replaced = false;
        for (const auto& set : options.environment) replaced = replaced || set.first == name;
        if (!replaced) all.emplace_back(*entry);
    }
    return all;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> out;
    for (std::string& s : strings) out.push_back(s.data());
    out.push_back(nullptr);
    return out;
}

// Everything the child needs, made before the fork: between fork and exec only system calls are allowed.
struct Launch {
    std::string program, directory;
    std::vector<std::string> argv, environment;
    std::vector<int> inherit;
    int output = -1, failure = -1;
};

[[noreturn]] void become(const Launch& launch, char** argv, char** envp, pid_t parent) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127);  // the parent died before prctl was heard
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, 0);
    dup2(launch.output, 1);
    dup2(launch.output, 2);
    for (const int fd : launch.inherit) fcntl(fd, F_SETFD, 0);
    if (launch.directory.empty() || chdir(launch.directory.c_str()) == 0) {
        execve(launch.program.c_str(), argv, envp);
    }
    const int why = errno;
    [[maybe_unused]] const auto written = write(launch.failure, &why, sizeof why);
    _exit(127);
}

// Owns the running program and its process group: none of them survives this object.
class Child {
  public:
    explicit Child(Launch launch) {
        auto [failed, failure] = make_pipe();
        launch.failure = failure.get();
        const std::vector<char*> argv = pointers(launch.argv), envp = pointers(launch.environment);
        const pid_t parent = getpid();
        pid_ = fork();
        if (pid_ < 0)
            throw LabError(fmt::format("cannot start {}: {}", launch.program, std::strerror(errno)));
        if (pid_ == 0)
            become(launch, const_cast<char**>(argv.data()), const_cast<char**>(envp.data()), parent);
        setpgid(pid_, pid_);  // both sides set it, so that it holds whoever runs first
        failure.reset();
        int why = 0;
        if (read(failed.get(), &why, sizeof why) == static_cast<ssize_t>(sizeof why)) {
            reap();
            throw LabError(fmt::format("cannot start {}: {}", launch.program, std::strerror(why)));
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (pid_ > 0) end();
    }

    /// Kills the whole group and returns the status as a shell would say it.
    int end() {
        kill(-pid_, SIGKILL);
        return reap();
    }
    /// Waits until it has ended by itself, which may be after it closed its output. False: not by the
    /// deadline.
    [[nodiscard]] bool ended_by(const Deadline& deadline) const {
        // glibc 2.36 declares pidfd_open() without C linkage
        const Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
        pollfd ended{process.get(), POLLIN, 0};
        return wait_any({&ended, 1}, deadline);
    }
    int reap() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

  private:
    pid_t pid_ = -1;
};

// Cuts the stream into lines; the last one may lack its newline.
class Lines {
  public:
    explicit Lines(std::function<void(std::string_view)> take) : take_(std::move(take)) {}
    void feed(std::string_view bytes) {
        rest_ += bytes;
        std::size_t start = 0;
        for (std::size_t end; (end = rest_.find('\n', start)) != std::string::npos; start = end + 1) {
            take_(std::string_view(rest_).substr(start, end - start));
        }
        rest_.erase(0, start);
    }
    void finish() {
        if (!rest_.empty()) take_(rest_);
    }

  private:
    std::function<void(std::string_view)> take_;
    std::string rest_;
};

/// Reads until the other side has closed. False: the deadline passed first.
bool read_all(int fd, const Deadline& deadline, const std::function<void(std::string_view)>& take) {
    std::array<char, 16384> buffer;
    pollfd ready{fd, POLLIN, 0};
    while (wait_any({&ready, 1}, deadline)) {
        const ssize_t n = read(fd, buffer.data(), buffer.size());
        if (n == 0) return true;
        if (n > 0) take({buffer.data(), static_cast<std::size_t>(n)});
    }
    return false;
}

}  // namespace

std::string find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) return access(name.c_str(), X_OK) == 0 ? name : "";
    const char* path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        const std::string full = (folder.empty() ? "." : folder) + "/" + name;
        if (access(full.c_str(), X_OK) == 0) return full;
    }
    return "";
}

CommandResult run_command(const std::vector<std::string>& argv, const CommandOptions& options) {
    const std::string program = find_program(argv.at(0));
    if (program.empty()) throw LabError(fmt::format("there is no program '{}'", argv[0]));
    auto [output, child_side] = make_pipe();
    Child child(
        {program, options.directory, argv, environment_of(options), options.inherit, child_side.get(), -1});
    child_side.reset();

    CommandResult result;
    Lines lines(options.on_line);
    const Deadline deadline(options.limit);
    const bool closed = read_all(output.get(), deadline, [&](std::string_view bytes) {
        options.on_line ? lines.feed(bytes) : static_cast<void>(result.output += bytes);
    });
    result.timed_out = !closed || !child.ended_by(deadline);
    if (options.on_line) lines.finish();
    result.status = result.timed_out ? child.end() : child.reap();
    return result;
}

}  // namespace landfall
