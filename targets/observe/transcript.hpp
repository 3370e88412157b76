// What an observed program asked of the kernel, as lines of a trace.
#pragma once

#include <sys/types.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "landfall/line.hpp"

namespace landfall {

/// Calls of several threads may overlap: those that do become a block of lanes, a lane a thread, as the
/// grammar has it. So lines come out when no call is under way.
class Transcript {
  public:
    using Sink = std::function<void(const Line&)>;
    explicit Transcript(Sink sink) : sink_(std::move(sink)) {}

    /// A call that may become a step begins, and is over; its lines are told in between.
    void begins(pid_t thread) { under_way_.insert(thread); }
    void over(pid_t thread);

    void step(pid_t thread, Interval when, Step step, Answer answer);
    /// What is no step of the grammar, or one whose answer hangs on what the trace does not know. `what`
    /// begins with its name: "IOMMU_GET_HW_INFO => ok".
    void not_judged(const std::string& what);
    /// From here on the trace does not follow what happens to these objects.
    void not_followed(const std::string& why);
    void event(Event event, Nanoseconds when);
    /// The last line.
    void finish();

  private:
    struct Entry {
        pid_t thread = 0;
        Line line;
    };
    void remark(std::string text);
    void flush();
    [[nodiscard]] bool side_by_side() const;

    Sink sink_;
    std::set<pid_t> under_way_;
    std::vector<Entry> waiting_;
    std::uint64_t steps_ = 0;
};

}  // namespace landfall
