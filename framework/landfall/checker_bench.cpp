// What judging costs: a trace of 64 devices with 50 DMAs under way at every instant, parsed and checked line
// by line while it is written. Writing it is not counted.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <ctime>
#include <fstream>
#include <istream>
#include <stdexcept>
#include <streambuf>

#include "landfall/checker.hpp"
#include "landfall/overlap_trace_bench.hpp"

namespace landfall {
namespace {

double thread_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Reads like a pipe whose other end is always ready.
class OverlapStream final : public std::streambuf {
  public:
    explicit OverlapStream(const OverlapTrace::Shape& shape) : trace_(shape) {}
    [[nodiscard]] std::uint64_t lines() const { return trace_.lines(); }
    /// Spent on writing.
    [[nodiscard]] double seconds() const { return seconds_; }

  protected:
    int_type underflow() override {
        constexpr std::size_t kChunk = 64U << 10;
        const auto begin = thread_seconds();
        text_.clear();
        while (text_.size() < kChunk && trace_.more(text_)) {
        }
        setg(text_.data(), text_.data(), text_.data() + text_.size());
        seconds_ += thread_seconds() - begin;
        return text_.empty() ? traits_type::eof() : traits_type::to_int_type(text_[0]);
    }

  private:
    OverlapTrace trace_;
    std::string text_;
    double seconds_ = 0;
};

// The process's largest resident set since the last call of forget_peak(), in kB (proc(5): VmHWM,
// clear_refs).
double peak_kb() {
    std::ifstream status("/proc/self/status");
    std::string word;
    double kb = 0;
    while (status >> word)
        if (word == "VmHWM:") status >> kb;
    return kb;
}
void forget_peak() {
    ::malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";
}

double heap_kb() { return static_cast<double>(::mallinfo2().uordblks) / 1024; }

void check_trace(benchmark::State& state) {
    for (auto _ : state) {
        forget_peak();
        const auto heap = heap_kb();
        OverlapStream text(
            {static_cast<std::uint64_t>(state.range(0)), static_cast<std::uint64_t>(state.range(1))});
        std::istream in(&text);
        Checker checker;
        const auto begin = thread_seconds();
        const bool cut = read_trace(in, "<overlap>", [&](Line&& line) { checker.feed(std::move(line)); });
        const auto spent = thread_seconds() - begin - text.seconds();
        const auto verdict = checker.finish(cut);
        if (verdict.kind != Verdict::Kind::pass) throw std::logic_error("the trace does not pass");
        state.SetIterationTime(spent);
        const auto events = static_cast<double>(text.lines());
        state.counters["events/s"] = benchmark::Counter(events / spent);
        state.counters["ns/event"] = benchmark::Counter(spent * 1e9 / events);
        state.counters["heap_kB"] = benchmark::Counter(heap_kb() - heap);
        state.counters["peak_kB"] = benchmark::Counter(peak_kb());
    }
}
// By number of DMAs ...
BENCHMARK(check_trace)
    ->ArgNames({"dmas", "overlap"})
    ->ArgsProduct({{10'000, 100'000, 1'000'000, 10'000'000, 100'000'000}, {50}})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
// ... and by how many are under way at once.
BENCHMARK(check_trace)
    ->ArgNames({"dmas", "overlap"})
    ->ArgsProduct({{1'000'000}, {4, 10, 25, 60}})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace landfall
