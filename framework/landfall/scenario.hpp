// A scenario: lines in order, checked as a whole before anything runs.
#pragma once

#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "landfall/error.hpp"
#include "landfall/line.hpp"

namespace landfall {

struct Scenario {
    std::string file;  ///< where it came from, for messages; "<text>" if nowhere
    std::vector<Line> lines;

    /// Parses and validates: names are declared before use and once, kinds fit, waits have starts, expectations fit
    /// their step. Times, outcomes and events of a trace are dropped, so a trace is accepted as a scenario.
    /// Throws TextError at the first mistake.
    [[nodiscard]] static Scenario parse(std::string_view text, std::string file = "<text>");

    /// Reads a file; "-" is standard input. A directory, an unreadable file, a line over kMaxLine, a file cut inside
    /// a line (no newline at its end) and invalid UTF-8 are TextErrors that say so.
    [[nodiscard]] static Scenario read(const std::string& path);

    [[nodiscard]] std::string print() const;

    /// The device names the steps use, in order of first use: what the rig must bind.
    [[nodiscard]] std::vector<std::string> devices() const;

    /// The first comment, trimmed: what the scenario claims. Empty if it starts with a step.
    [[nodiscard]] std::string title() const;
};

/// Lines at the front that belong together: a block of lanes without the remarks behind it, else one line.
[[nodiscard]] std::size_t block_length(std::span<const Line> lines);

/// Reads a text line by line and refuses what is not text: NUL bytes, invalid UTF-8, lines over kMaxLine. Memory is
/// bounded by kMaxLine whatever the input.
class LineReader {
  public:
    LineReader(std::istream& in, std::string file) : in_(in), file_(std::move(file)) {}

    /// False at the end. Throws TextError for what is not text.
    [[nodiscard]] bool next(std::string& text);
    [[nodiscard]] unsigned number() const { return number_; }
    /// The last line had no newline: the text was cut, maybe inside a character.
    [[nodiscard]] bool cut() const { return cut_; }

  private:
    bool take_line(std::string& text);
    bool fill();

    std::istream& in_;
    std::string file_;
    std::string chunk_;      ///< of the input, as much as was there ...
    std::size_t taken_ = 0;  ///< ... and so much of it has been handed out
    unsigned number_ = 0;
    bool cut_ = false;
};

/// Opens a file for LineReader; "-" is standard input. A directory or an unreadable file is a TextError.
[[nodiscard]] std::unique_ptr<std::istream> open_text(const std::string& path);

}  // namespace landfall
