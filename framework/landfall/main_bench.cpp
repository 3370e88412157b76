// The benchmarks of the core; `core_bench --trace DMAS` writes the trace they check instead.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "landfall/overlap_trace_bench.hpp"

int main(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == "--trace") {
        landfall::OverlapTrace trace({std::strtoull(argv[2], nullptr, 10)});
        std::string text;
        for (bool more = true; more; text.clear()) {
            while (text.size() < 64 * 1024 && (more = trace.more(text))) {
            }
            if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) return 1;
        }
        return std::fflush(stdout) == 0 ? 0 : 1;
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
}
