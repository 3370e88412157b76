// Reads and parses a trace in a thread of its own, a little ahead of whoever judges it.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <iosfwd>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "landfall/line.hpp"

namespace landfall {

/// For input that is there, such as a file: a reader that waits for its input is waited for at the end.
class ReadAhead {
  public:
    /// `in` outlives it and is its own until then. `file` is its name in messages.
    ReadAhead(std::istream& in, std::string file);
    ~ReadAhead();
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;

    /// The next lines in place of those in `lines`. False when all were given out; throws what the reader met
    /// behind them.
    [[nodiscard]] bool next(std::vector<Line>& lines);
    /// After the last one: the text was cut inside a line.
    [[nodiscard]] bool cut() const { return cut_; }

  private:
    using Batch = std::vector<Line>;
    void run();
    void read(Batch& batch);
    /// Waits until there is room. `batch` is an empty one afterwards. False: nobody wants any more.
    bool put(Batch& batch);

    std::istream& in_;
    std::string file_;
    std::mutex mutex_;
    std::condition_variable come_, gone_;  ///< a batch came; half of them are gone
    std::deque<Batch> full_, empty_;       ///< oldest first
    bool over_ = false;                    ///< no further batch will come
    bool unwanted_ = false;
    bool cut_ = false;
    std::exception_ptr error_;
    std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace landfall
