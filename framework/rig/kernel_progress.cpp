#include "rig/kernel_progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace landfall {

using std::chrono::milliseconds;
using std::chrono::seconds;

Progress::Progress(std::string what, Log log)
    : what_(std::move(what)),
      log_(std::move(log)),
      terminal_(log_ && isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      shown_(start_) {
    if (log_ && !terminal_) log_(what_);
}

Progress::~Progress() {
    if (terminal_) fmt::print(stderr, "\r\033[K");
}

void Progress::update(unsigned percent) {
    const auto now = Clock::now();
    if (!log_ || now - shown_ < (terminal_ ? milliseconds(200) : milliseconds(10'000))) return;
    shown_ = now;
    const auto spent = std::chrono::duration_cast<seconds>(now - start_).count();
    const std::string text = fmt::format("{}: {} % ({}:{:02})", what_, percent, spent / 60, spent % 60);
    if (!terminal_) return log_(text);
    fmt::print(stderr, "\r\033[K{}", text);
    std::fflush(stderr);
}

}  // namespace landfall
