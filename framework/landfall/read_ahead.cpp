#include "landfall/read_ahead.hpp"

#include <utility>

#include "landfall/scenario.hpp"

namespace landfall {
namespace {

constexpr std::size_t kBatch = 64;  // lines
constexpr std::size_t kAhead = 4;    // batches

}  // namespace

ReadAhead::ReadAhead(std::istream& in, std::string file)
    : in_(in), file_(std::move(file)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

bool ReadAhead::next(std::vector<Line>& lines) {
    lines.clear();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !full_.empty() || over_; });
    if (full_.empty()) {
        if (error_) std::rethrow_exception(error_);
        return false;
    }
    std::swap(lines, full_.front());
    empty_.push_back(std::move(full_.front()));
    full_.erase(full_.begin());
    changed_.notify_one();
    return true;
}

void ReadAhead::run(const std::stop_token& stop) {
    Batch batch;
    std::exception_ptr error;
    try {
        read(stop, batch);
    } catch (...) {
        error = std::current_exception();
    }
    if (!batch.empty()) put(batch, stop);
    const std::lock_guard lock(mutex_);
    error_ = error;
    over_ = true;
    changed_.notify_one();
}

void ReadAhead::read(const std::stop_token& stop, Batch& batch) {
    LineReader reader(in_, file_);
    std::string text;
    while (!stop.stop_requested() && reader.next(text)) {
        cut_ = reader.cut();
        if (cut_) return;
        batch.push_back(parse_line(text, file_, reader.number()));
        if (batch.size() == kBatch) put(batch, stop);
    }
}

void ReadAhead::put(Batch& batch, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return full_.size() < kAhead; })) return;
    full_.push_back(std::exchange(batch, {}));
    if (!empty_.empty()) {
        batch = std::move(empty_.back());
        empty_.pop_back();
    }
    changed_.notify_one();
}

}  // namespace landfall
