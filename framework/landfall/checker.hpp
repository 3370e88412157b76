// Judges a trace. A pure function: no clock, no I/O, no Linux.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "landfall/known.hpp"
#include "landfall/trace.hpp"

namespace landfall {

/// One broken promise.
struct Violation {
    std::string rule;                     ///< its id: landing, completeness, permission, outcome, ...
    unsigned line = 0;                    ///< trace line of the step or event that proves it
    std::string device;                   ///< scenario name of the device; empty if none is concerned
    std::optional<IovaRange> iova;        ///< what the DMA addressed
    std::optional<BufferSlice> page;      ///< memory that was touched, or should have been
    Access access{};                      ///< how it was, or should have been; neither if no DMA is concerned
    std::string summary;                  ///< one line: who did what, where it went, why it should not have
    std::string promise;                  ///< what was promised
    std::string source;                   ///< where that promise is written
    std::string known;                    ///< reference of a finding already understood; empty if new
    std::vector<unsigned> witness;        ///< trace lines that prove it, ascending, `line` among them
    std::optional<Interval> window;       ///< when it happened, at some instant of it
    std::vector<std::string> candidates;  ///< what would have been right, one line each
    std::string observed;                 ///< what was seen instead, in the trace's words
};

struct Verdict {
    enum class Kind { pass, violation, inconclusive, unmet };
    Kind kind = Kind::pass;
    std::string reason;                 ///< of inconclusive and unmet
    std::vector<Violation> violations;  ///< known ones too: a run with no others is a pass
    std::uint64_t dropped = 0;          ///< further violations, past CheckOptions::max_violations
    std::uint64_t steps = 0, dmas = 0, faults = 0;
    [[nodiscard]] ExitStatus exit_status() const;
};

[[nodiscard]] const char* verdict_str(Verdict::Kind kind);

struct CheckOptions {
    std::string model{};               ///< empty: what the head of the trace says it is of
    std::vector<Known> known;          ///< findings already understood
    std::size_t max_violations = 100;  ///< further ones are counted, not kept
};

/// Takes a trace line by line, so a trace of any length can be judged while it grows.
class Checker {
  public:
    explicit Checker(CheckOptions options = {});
    ~Checker();
    Checker(Checker&&) noexcept;
    Checker& operator=(Checker&&) noexcept;

    void feed(Line&& line);
    void feed(const Line& line) { feed(Line(line)); }
    /// Violations so far (they only grow).
    [[nodiscard]] const std::vector<Violation>& violations() const;
    /// The verdict if the trace ended here. `cut`: its text broke off. A trace without `end` never passes.
    [[nodiscard]] Verdict finish(bool cut = false) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

[[nodiscard]] Verdict check(const Trace& trace, const CheckOptions& options = {});

/// Rule ids with the promise each one checks and where it is written, for `landfall check --rules` and the
/// docs.
struct RuleInfo {
    std::string id, promise, source;
};
[[nodiscard]] std::vector<RuleInfo> rules();

}  // namespace landfall
