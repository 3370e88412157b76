// One process at a time.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "os/fd.hpp"

namespace landfall {

/// Holds flock() on a file from construction to destruction. The kernel ties the lock to the open file, not
/// to the process: a child that inherits fd() holds it as well, and goes on doing so when we are killed.
class FileLock {
  public:
    /// `on_wait` is told once who has it, if somebody does. Throws LabError if the limit passes first.
    FileLock(const std::filesystem::path& file, std::chrono::milliseconds limit,
             const std::function<void(const std::string& holder)>& on_wait);
    [[nodiscard]] int fd() const { return file_.get(); }

  private:
    Fd file_;
};

}  // namespace landfall
