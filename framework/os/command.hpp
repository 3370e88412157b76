// Runs a program of the host and waits for it. No shell is involved, so no quoting either.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace landfall {

struct CommandOptions {
    std::string directory;                                         ///< where it runs; empty: here
    std::vector<std::pair<std::string, std::string>> environment;  ///< set on top of our own
    std::chrono::milliseconds limit = std::chrono::seconds(60);    ///< then it is killed
    /// Takes each line of its output as it comes, stdout and stderr as one stream.
    std::function<void(std::string_view)> on_line;
    /// Files the program and all it starts keep open, locks for instance: held until the last of them is
    /// gone.
    std::vector<int> inherit;
};

struct CommandResult {
    int status = 0;          ///< exit status; 128 + N if signal N ended it
    bool timed_out = false;  ///< the limit passed and it was killed
    std::string output;      ///< everything it said, unless on_line took it
    [[nodiscard]] bool ok() const { return status == 0 && !timed_out; }
};

/// Finds the program through PATH; stdin is empty. Throws LabError if it cannot be started at all.
/// The program gets SIGTERM when the calling thread ends, by kill -9 too, and has no terminal to stop for.
[[nodiscard]] CommandResult run_command(const std::vector<std::string>& argv,
                                        const CommandOptions& options = {});

/// The full path of a program in PATH; empty if there is none.
[[nodiscard]] std::string find_program(const std::string& name);

}  // namespace landfall
