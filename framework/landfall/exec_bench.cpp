// The loop of `landfall exec` on a target whose DMA costs next to nothing: what is left is stamping, looking, and telling.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "landfall/fake_target_test.hpp"
#include "landfall/runner.hpp"
#include "landfall/scenario.hpp"

namespace landfall {
namespace {

// A DMA of `bytes` to a buffer of 16 KiB, among `others` buffers of 4 KiB as a scenario has them.
void judge_dma(benchmark::State& state) {
    const auto bytes = state.range(0), others = state.range(1);
    FakeTarget target;
    std::size_t told = 0;
    Runner runner(target, [](const Line&) {});
    (void)runner.begin();
    std::string setup = "buffer p 16K\nioas s\nmap s 0x200000 p rw\nattach a s\n";
    for (std::int64_t n = 0; n < others; ++n) setup += fmt::format("buffer o{} 4K\n", n);
    for (const auto& line : Scenario::parse(setup).lines) (void)runner.step(line);
    const auto dma = parse_line(fmt::format("dma a write 0x200000+{}", bytes), "bench", 1);
    for (auto _ : state) {
        const auto line = print(runner.step(dma));
        told += line.size();
        if (line.find("lands p") == std::string::npos) state.SkipWithError("the DMA was not found");
    }
    state.SetItemsProcessed(state.iterations());
    benchmark::DoNotOptimize(told);
}
BENCHMARK(judge_dma)->ArgNames({"bytes", "others"})->Args({64, 0})->Args({1024, 0})->Args({1024, 30})->Args({4096, 30});

}  // namespace
}  // namespace landfall
