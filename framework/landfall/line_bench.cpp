// What one line costs: from text and to text.
#include <benchmark/benchmark.h>

#include <sstream>

#include "landfall/overlap_trace_bench.hpp"
#include "landfall/scenario.hpp"

namespace landfall {
namespace {

std::vector<std::string> texts() {
    OverlapTrace trace({100'000});
    std::string text, line;
    while (trace.more(text)) {
    }
    std::vector<std::string> out;
    for (std::istringstream in(text); std::getline(in, line);) out.push_back(line);
    return out;
}

void parse(benchmark::State& state) {
    const auto lines = texts();
    for (auto _ : state)
        for (const auto& text : lines) benchmark::DoNotOptimize(parse_line(text, "<overlap>", 1));
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(lines.size()));
}
BENCHMARK(parse)->Unit(benchmark::kMillisecond);

void print_lines(benchmark::State& state) {
    std::vector<Line> lines;
    for (const auto& text : texts()) lines.push_back(parse_line(text, "<overlap>", 1));
    for (auto _ : state)
        for (const auto& line : lines) benchmark::DoNotOptimize(print(line));
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(lines.size()));
}
BENCHMARK(print_lines)->Unit(benchmark::kMillisecond);

// Out of a stream, in lines that are known to be text.
void read_lines(benchmark::State& state) {
    std::string text, line;
    OverlapTrace trace({100'000});
    while (trace.more(text)) {
    }
    for (auto _ : state) {
        std::istringstream in(text);
        LineReader reader(in, "<overlap>");
        while (reader.next(line)) benchmark::DoNotOptimize(line.data());
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(trace.lines()));
}
BENCHMARK(read_lines)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace landfall
