#include <algorithm>
#include <bit>

#include "landfall/lane_steady.hpp"

namespace landfall {

void Lane::pump(const Pump& pump, Report report) {
    stop_ = false;
    pumped_ = 0;
    failed_ = nullptr;
    pump_ = std::thread([this, pump, report = std::move(report)] {
        try {
            divide(pump);
            if (report) repeat(pump, report);
            else repeat_bare(pump);
        } catch (...) {
            failed_ = std::current_exception();
        }
        slots_ = 1;
        room_ = kLongest;
    });
}

// As many as the pump asks for, the device can do, and there are payloads. Short ones share a page, and none lies across two.
void Lane::divide(const Pump& pump) {
    constexpr std::uint64_t kLeast = 64;
    const auto length = pump.piece(0).range.length;
    room_ = length < kPageSize ? std::bit_ceil(std::max(length, kLeast)) : align_up(length, kPageSize);
    slots_ = std::min<std::size_t>({pump.deep, engine_->limits().in_flight, payloads_.memory.size() / room_});
}

// What has few under way gets the next one as soon as there is room. With many a doorbell for each would be what takes the time.
std::size_t Lane::burst() const {
    constexpr std::size_t kMany = 8;
    return slots_ < kMany ? 1 : slots_ / 2;
}

void Lane::repeat(const Pump& pump, const Report& report) {
    Steady steady(*this, pump);
    const auto finish_one = [&] {
        const auto done = wait();
        steady.saw(done);
        report(done);
        ++pumped_;
    };
    Nanoseconds due;
    for (std::uint64_t n = 0; !stop_;) {
        if (steady.ready()) {
            while (!flights_.empty()) finish_one();
            // Those may have met something.
            if (steady.ready()) pumped_ += steady.run(n, report);
            while (!flights_.empty()) finish_one();
            if (stop_) break;
        }
        if (pump.every.value != 0 && !await(due)) break;
        start(pump.piece(n++));
        due = {flights_.back().begin.value + pump.every.value};
        // What is known of the oldest is known of all: the device was reset, or not brought up.
        while (!flights_.empty() && (flights_.size() == slots_ || flights_.front().arrival)) finish_one();
    }
    while (!flights_.empty()) finish_one();
}

void Lane::repeat_bare(const Pump& pump) {
    for (std::size_t slot = 0; slot < slots_; ++slot) (void)prepare({pump.piece(slot), arena_.next_sequence(), {}, 0, false, place_of(slot)});
    std::uint64_t begun = 0;
    std::vector<CopyRequest> copies;
    const auto start = [&](std::size_t count) {
        copies.clear();
        for (; copies.size() < count; ++begun) copies.push_back(copy_of(pump.piece(begun), place_of(begun % slots_)));
        engine_->start_all(copies);
    };
    const auto wait = [&] {
        ++pumped_;
        return engine_->wait(engine_->limits().limit).status == Landing::Status::done;
    };
    const auto all_end = [&] {
        while (pumped_ < begun) (void)wait();
    };
    Nanoseconds due;
    for (bring_up(); ready_ && !stop_;) {
        if (pump.every.value != 0 && !await(std::exchange(due, {target_.now().value + pump.every.value}))) break;
        start(begun == pumped_ ? slots_ : burst());
        bool good = true;
        for (std::size_t n = 0; good && n < burst(); ++n) good = wait();
        if (good) continue;
        all_end();
        ready_ = engine_->reset();
    }
    all_end();
}

// Sleeps are short, so that a halt need not wait for the next DMA.
bool Lane::await(Nanoseconds due) {
    constexpr std::uint64_t kNap = 2'000'000;
    for (auto now = target_.now(); now < due && !stop_; now = target_.now())
        target_.sleep({std::min(due.value - now.value, kNap)});
    return !stop_;
}

void Lane::stop_pump() {
    stop_ = true;
    if (pump_.joinable()) pump_.join();
}

std::uint64_t Lane::halt() {
    if (!pump_.joinable()) return 0;
    stop_pump();
    if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
    return pumped_;
}

}  // namespace landfall
