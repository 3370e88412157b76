// Clean-up that happens whatever ends this process, kill -9 included.
//
// A keeper is a small process forked from ours. It does nothing but wait until we are gone or let it go; then
// it cleans up. It leads a session of its own, so a terminal's Ctrl-C or hang-up reaches us but not it, and
// it is single-threaded, so what it starts may ask to die with it (PR_SET_PDEATHSIG tells of a parent
// *thread*'s end).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "os/fd.hpp"

namespace landfall {

/// The process behind Keeper and KeptProgram.
class KeeperProcess {
  public:
    enum class Wake { released, dismissed, ended };
    /// What the keeper waits with: returns once the owner is gone or released it, or `ended` (if >= 0) is
    /// readable.
    using Wait = std::function<Wake(int ended)>;

    /// Forks. The keeper runs `body` and exits with its result. All its descriptors are closed but `keep`. If
    /// this process has other threads, `body` may only make async-signal-safe calls: memory it needs is made
    /// before.
    KeeperProcess(std::vector<int> keep, const std::function<int(const Wait&)>& body);
    KeeperProcess(const KeeperProcess&) = delete;
    KeeperProcess& operator=(const KeeperProcess&) = delete;
    /// Releases the keeper and waits until it has done its work.
    ~KeeperProcess();

    void dismiss();
    /// Its exit status once it has ended by itself; nullopt if the limit passed first.
    [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit);

  private:
    void tell(std::uint64_t word);
    pid_t pid_ = -1;
    Fd line_, process_;
    std::optional<int> status_;
};

/// Runs `cleanup` in its own process once this object or this whole process is gone, however it went.
/// `cleanup` starts with every descriptor closed and, in a multi-threaded process, may only make
/// async-signal-safe calls (open, write, close, kill ... on strings that were made before).
class Keeper {
  public:
    explicit Keeper(const std::function<void()>& cleanup);
    /// There is nothing left to clean up.
    void dismiss() { process_.dismiss(); }

  private:
    KeeperProcess process_;
};

/// A program that cannot outlive us: a keeper starts it and kills it when this object or this process is
/// gone; if the keeper itself is killed, the program dies with it.
class KeptProgram {
  public:
    struct Launch {
        std::string program;              ///< full path
        std::vector<std::string> argv;    ///< with the program's name first
        std::vector<int> inherit;         ///< descriptors it keeps, under their own numbers
        int in = -1, out = -1, err = -1;  ///< -1: /dev/null
    };
    /// Throws LabError if it cannot be started.
    explicit KeptProgram(Launch launch);
    /// Its exit status as a shell would say it, once it has ended by itself; nullopt if the limit passed
    /// first.
    [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit) { return process_->wait(limit); }

  private:
    std::optional<KeeperProcess> process_;
};

}  // namespace landfall
