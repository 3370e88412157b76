#include "rig/matrix.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <thread>

#include "landfall/error.hpp"
#include "rig/rig_keeper.hpp"

namespace landfall {
namespace {

using Clock = std::chrono::steady_clock;

// Of QEMU beside the guest's memory: its translation buffer is most of it (accel/tcg/region.c, the default size).
constexpr std::uint64_t kOverheadMib = 512;

// /proc/meminfo, MemAvailable (Documentation/filesystems/proc.rst); 0 if it does not say.
std::uint64_t available_mib() {
    std::ifstream in("/proc/meminfo");
    for (std::string key, rest; in >> key && std::getline(in, rest);)
        if (key == "MemAvailable:") return std::strtoull(rest.c_str(), nullptr, 10) / 1024;
    return 0;
}

void run_column(const std::vector<Scenario>& scenarios, const MatrixColumn& column, const MatrixOptions& options,
                MatrixResult& out) {
    try {
        auto boot = options.boot;
        boot.kernel = column.kernel;
        RigKeeper rig(column.rig, std::move(boot));
        for (const auto& scenario : scenarios) {
            static_cast<void>(rig.get());
            const auto begin = Clock::now();
            auto result = rig.run(scenario, options.run);
            out.cells.push_back({std::move(result), std::chrono::duration<double>(Clock::now() - begin).count()});
        }
    } catch (const std::exception& e) {  // one machine's trouble is not another's
        out.trouble = e.what();
    }
}

}  // namespace

std::string MatrixColumn::title() const { return kernel.empty() ? rig.name : rig.name + ", " + kernel; }

std::vector<MatrixColumn> matrix_columns(const std::vector<std::string>& rigs,
                                         const std::vector<std::string>& kernels) {
    std::vector<MatrixColumn> out;
    for (const auto& name : rigs) {
        const auto rig = load_rig(name);
        if (kernels.empty() || rig.kind != RigFile::Kind::qemu)
            out.push_back({rig, {}});
        else
            for (const auto& kernel : kernels) out.push_back({rig, kernel});
    }
    return out;
}

unsigned machines_at_once(const std::vector<MatrixColumn>& columns, unsigned processors, std::uint64_t free_mib) {
    std::uint64_t largest = 1;
    for (const auto& column : columns)
        if (column.rig.kind == RigFile::Kind::qemu)
            largest = std::max<std::uint64_t>(largest, column.rig.memory_mib + kOverheadMib);
    const auto fit = std::min<std::uint64_t>(free_mib / largest, columns.size());
    return static_cast<unsigned>(std::clamp<std::uint64_t>(fit, 1, std::max(processors, 1U)));
}

std::vector<MatrixResult> run_matrix(const std::vector<Scenario>& scenarios,
                                     const std::vector<MatrixColumn>& columns, const MatrixOptions& options) {
    std::mutex mutex;
    auto shared = options;
    shared.boot.log = [&](const std::string& text) {
        const std::lock_guard lock(mutex);
        if (options.boot.log) options.boot.log(text);
    };
    const auto workers =
        options.at_once != 0 ? options.at_once
                             : machines_at_once(columns, std::thread::hardware_concurrency(), available_mib());
    std::vector<MatrixResult> out(columns.size());
    std::atomic<std::size_t> next{0};
    {
        std::vector<std::jthread> threads;
        for (unsigned n = 0; n < workers; ++n)
            threads.emplace_back([&] {
                for (auto i = next++; i < columns.size(); i = next++) run_column(scenarios, columns[i], shared, out[i]);
            });
    }
    return out;
}

}  // namespace landfall
