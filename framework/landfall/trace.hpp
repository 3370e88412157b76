// A trace: facts about the rig, then every step and event with its times, in the order they ended.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "landfall/scenario.hpp"

namespace landfall {

struct Trace {
    std::string file;
    std::vector<Line> lines;
    bool cut = false;     ///< the text ended inside a line; that piece is dropped
    bool of_run = false;  ///< `file` is the scenario, and lines are numbered as they came

    [[nodiscard]] static Trace parse(std::string_view text, std::string file = "<text>");
    /// Reads a whole file; for a trace too large for that, feed a Checker through read_trace().
    [[nodiscard]] static Trace read(const std::string& path);
    [[nodiscard]] std::string print() const;
    /// The scenario this trace is a run of.
    [[nodiscard]] Scenario scenario() const;
};

/// Streams a trace line by line. Returns true if the text was cut inside a line.
bool read_trace(const std::string& path, const std::function<void(Line&&)>& take);
/// `file` is its name in messages.
bool read_trace(std::istream& in, const std::string& file, const std::function<void(Line&&)>& take);

}  // namespace landfall
