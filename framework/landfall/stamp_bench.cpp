// How fast all of a machine's memory is searched.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <random>
#include <stdexcept>

#include "landfall/mapping.hpp"
#include "landfall/stamp.hpp"

namespace landfall {
namespace {

constexpr std::uint64_t kBytes = 512U << 20;

// `random`: words of any kind; else zeros, as most of a young machine's memory is.
void search_memory(benchmark::State& state, bool random) {
    auto [error, mapping] = Mapping::make({kBytes, false, true});
    if (!error.ok()) throw std::runtime_error("no memory: " + error.str());
    const auto bytes = mapping.bytes();
    std::mt19937_64 engine(1);
    auto* words = reinterpret_cast<std::uint64_t*>(bytes.data());
    for (std::uint64_t i = 0; random && i < kBytes / 8; ++i) words[i] = engine();
    // The lab's pages are all over the place.
    StampSearch search{StampKey(1), 1'000'000, {}};
    for (std::uint64_t at = 0; at < kBytes; at += kBytes / 512) search.owned.push_back({{at}, kPageSize});
    const auto look = [&] {
        if (!find_stamps(bytes, {}, search).empty()) throw std::logic_error("stamps in memory that has none");
    };
    look();  // the first time brings the pages in
    for (auto _ : state) look();
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kBytes));
}
BENCHMARK_CAPTURE(search_memory, zeros, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(search_memory, random_words, true)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace landfall
