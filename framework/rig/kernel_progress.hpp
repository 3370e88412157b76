// Shows that long work goes on: one line rewritten in place on a terminal, a plain line now and then
// elsewhere.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace landfall {

class Progress {
  public:
    using Log = std::function<void(const std::string&)>;
    /// Quiet if `log` is empty.
    Progress(std::string what, Log log);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    /// Leaves no half line behind.
    ~Progress();

    void update(unsigned percent);

  private:
    using Clock = std::chrono::steady_clock;
    std::string what_;
    Log log_;
    bool terminal_;
    Clock::time_point start_, shown_;
};

}  // namespace landfall
