// Which open file a descriptor of an observed thread means. Pure bookkeeping, told of every call that changes
// it.
#pragma once

#include <sys/types.h>

#include <compare>
#include <functional>
#include <map>
#include <optional>

namespace landfall {

/// An open file description: what open(2) makes, dup(2) and fork(2) share, and the last close(2) releases.
struct FileId {
    unsigned value = 0;
    auto operator<=>(const FileId&) const = default;
};

class Descriptors {
  public:
    /// `released` is told of every file that has no descriptor and no hold any more.
    explicit Descriptors(std::function<void(FileId)> released) : released_(std::move(released)) {}

    /// A thread with an empty table of its own, or with its parent's: shared, or a copy.
    void start(pid_t thread);
    void start(pid_t thread, pid_t parent, bool shared);
    /// execve(2): the thread has its table for itself and loses what is closed on exec.
    void execute(pid_t before, pid_t thread);
    /// From here on the thread's table is its own, as it is.
    void unshare(pid_t thread);
    void end(pid_t thread);

    /// A file of its own; what the descriptor meant before is closed.
    FileId open(pid_t thread, int descriptor, bool close_on_exec);
    void duplicate(pid_t thread, int from, int to, bool close_on_exec);
    void close(pid_t thread, int first, int last);
    void close_on_exec(pid_t thread, int first, int last, bool on);
    [[nodiscard]] std::optional<FileId> find(pid_t thread, int descriptor) const;

    /// The kernel itself keeps it open, until let_go().
    void hold(FileId file) { ++uses_[file]; }
    void let_go(FileId file);

  private:
    struct Entry {
        FileId file;
        bool close_on_exec = false;
    };
    using Table = std::map<int, Entry>;
    [[nodiscard]] Table* table(pid_t thread);

    std::function<void(FileId)> released_;
    std::map<pid_t, unsigned> of_thread_;
    std::map<unsigned, Table> tables_;
    std::map<FileId, unsigned> uses_;
    unsigned next_table_ = 0, next_file_ = 0;
};

}  // namespace landfall
