#include "landfall/read_ahead.hpp"

#include <utility>

#include "landfall/scenario.hpp"

namespace landfall {
namespace {

constexpr std::size_t kBatch = 128;  // lines
constexpr std::size_t kAhead = 16;   // batches

}  // namespace

ReadAhead::ReadAhead(std::istream& in, std::string file)
    : in_(in), file_(std::move(file)), thread_([this] { run(); }) {}

ReadAhead::~ReadAhead() {
    const std::lock_guard lock(mutex_);
    unwanted_ = true;
    gone_.notify_one();
}

bool ReadAhead::next(std::vector<Line>& lines) {
    lines.clear();
    std::unique_lock lock(mutex_);
    come_.wait(lock, [&] { return !full_.empty() || over_; });
    if (full_.empty()) {
        if (error_) std::rethrow_exception(error_);
        return false;
    }
    std::swap(lines, full_.front());
    empty_.push_back(std::move(full_.front()));
    full_.pop_front();
    // A reader that is ahead sleeps until it is worth waking: a switch of threads costs more than a batch.
    if (full_.size() == kAhead / 2) gone_.notify_one();
    return true;
}

void ReadAhead::run() {
    Batch batch;
    std::exception_ptr error;
    try {
        read(batch);
    } catch (...) {
        error = std::current_exception();
    }
    if (!batch.empty()) put(batch);
    const std::lock_guard lock(mutex_);
    error_ = error;
    over_ = true;
    come_.notify_one();
}

void ReadAhead::read(Batch& batch) {
    LineReader reader(in_, file_);
    std::string text;
    while (reader.next(text)) {
        cut_ = reader.cut();
        if (cut_) return;
        batch.push_back(parse_line(text, file_, reader.number()));
        if (batch.size() == kBatch && !put(batch)) return;
    }
}

bool ReadAhead::put(Batch& batch) {
    std::unique_lock lock(mutex_);
    gone_.wait(lock, [&] { return full_.size() < kAhead || unwanted_; });
    if (unwanted_) return false;
    full_.push_back(std::exchange(batch, {}));
    if (!empty_.empty()) {
        batch = std::move(empty_.front());
        empty_.pop_front();
    }
    come_.notify_one();
    return true;
}

}  // namespace landfall
