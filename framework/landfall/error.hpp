// Who is to blame. An errno or a lost DMA is an answer to be recorded, never one of these.
#pragma once

#include <stdexcept>
#include <string>

namespace landfall {

/// The text someone wrote is wrong: scenario, trace or rig file. Nothing has run when it is thrown.
class TextError : public std::runtime_error {
  public:
    struct Where {
        std::string file;
        unsigned line = 0, column = 0;  ///< 1-based; 0 when the whole file is meant
    };
    /// `found` is the offending text (may be empty), `expected` what would have been right.
    TextError(Where where, std::string found, std::string expected);

    [[nodiscard]] const Where& where() const { return where_; }
    [[nodiscard]] const std::string& found() const { return found_; }
    [[nodiscard]] const std::string& expected() const { return expected_; }

  private:
    Where where_;
    std::string found_, expected_;
};

/// The lab itself failed: no QEMU, a guest that did not boot, a device that cannot be bound. Never a finding.
class LabError : public std::runtime_error {
  public:
    /// `hint` names the command or change that would mend it; may be empty.
    explicit LabError(const std::string& what, std::string hint = {})
        : std::runtime_error(what), hint_(std::move(hint)) {}
    [[nodiscard]] const std::string& hint() const { return hint_; }

  private:
    std::string hint_;
};

/// Exit statuses of every command of the program.
enum class ExitStatus : int {
    pass = 0,
    violation = 1,
    usage = 2,
    lab = 3,
    unmet = 4,
    inconclusive = 5,
};

}  // namespace landfall
