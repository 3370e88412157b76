#include <algorithm>

#include "landfall/lane_steady.hpp"

namespace landfall {

void Lane::pump(const Pump& pump, Report report) {
    stop_ = false;
    pumped_ = 0;
    failed_ = nullptr;
    pump_ = std::thread([this, pump, report = std::move(report)] {
        try {
            slots_ = depth(pump);
            if (report) repeat(pump, report);
            else repeat_bare(pump);
        } catch (...) {
            failed_ = std::current_exception();
        }
        slots_ = 1;
    });
}

// As many as the pump asks for, the device can do, and pages of payload there are.
unsigned Lane::depth(const Pump& pump) const {
    const auto pages = align_up(pump.piece(0).range.length, kPageSize) / kPageSize;
    const auto room = std::max<std::uint64_t>(kPayloadBytes / kPageSize / pages, 1);
    return static_cast<unsigned>(std::min<std::uint64_t>({pump.deep, engine_->limits().in_flight, room}));
}

void Lane::repeat(const Pump& pump, const Report& report) {
    Steady steady(*this, pump);
    const auto finish_one = [&] {
        const auto request = flights_.front().request;
        const auto done = wait();
        steady.saw(request, done);
        report(request, done);
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
        while (!flights_.empty() && (flights_.size() == slots_ || flights_.front().status)) finish_one();
    }
    while (!flights_.empty()) finish_one();
}

void Lane::repeat_bare(const Pump& pump) {
    for (std::size_t slot = 0; slot < slots_; ++slot) (void)prepare({pump.piece(slot), arena_.next_sequence(), {}, 0, false, place_of(slot)});
    std::uint64_t begun = 0;
    const auto all_end = [&] {
        for (; pumped_ < begun; ++pumped_) (void)engine_->wait(engine_->limits().limit);
    };
    Nanoseconds due;
    for (bring_up(); ready_ && !stop_;) {
        if (pump.every.value != 0 && !await(std::exchange(due, {target_.now().value + pump.every.value}))) break;
        engine_->start(copy_of(pump.piece(begun), place_of(begun % slots_)));
        if (++begun - pumped_ < slots_) continue;
        ++pumped_;
        if (engine_->wait(engine_->limits().limit) == Landing::Status::done) continue;
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
