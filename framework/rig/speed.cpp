#include "rig/speed.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "landfall/error.hpp"
#include "landfall/scenario.hpp"
#include "rig/scenario_run.hpp"

namespace landfall {
namespace {

Scenario pump_for(const std::string& device, const SpeedOptions& options) {
    constexpr const char* kText =
        "buffer p {5}\nioas s\nmap s 0x200000 p rw\nattach {0} s\npump {0} write 0x200000+{1} by {2} deep {3}\nsleep {4}ms\nhalt {0}\n";
    const auto range = options.length * options.deep;
    const auto buffer = align_up(range, kPageSize);
    return Scenario::parse(fmt::format(kText, device, range, options.length, options.deep, options.time.count(), buffer), "<speed>");
}

// DMAs/s from the end of `pump` to that of `halt`.
double rate(const RunResult& run) {
    std::optional<Nanoseconds> begin;
    for (const auto& line : run.trace.lines) {
        if (line.step() == nullptr || !line.when) continue;
        if (std::holds_alternative<Pump>(*line.step())) begin = line.when->end;
        if (!std::holds_alternative<Halt>(*line.step()) || !begin) continue;
        const auto* answer = line.observed ? std::get_if<Answer>(&*line.observed) : nullptr;
        if (answer == nullptr || !answer->value) break;
        const auto took = static_cast<double>(line.when->end.value - begin->value);
        return static_cast<double>(*answer->value) * 1e9 / std::max(took, 1.0);
    }
    return 0;
}

}  // namespace

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::ranges::sort(values);
    return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

double SpeedReport::ratio() const { return median(judged) / std::max(median(bare), 1e-9); }

SpeedReport measure_speed(QemuRig& rig, const SpeedOptions& options) {
    SpeedReport report;
    report.device = options.device.empty() ? rig.file().functions.front().name : options.device;
    const auto scenario = pump_for(report.device, options);
    for (unsigned round = 0; round < options.rounds; ++round) {
        rig.bare_pumps(true);
        report.bare.push_back(rate(run_scenario(rig, scenario)));
        if (report.bare.back() == 0) throw LabError(fmt::format("the engine of {} did no DMA", report.device));
        rig.bare_pumps(false);
        const auto run = run_scenario(rig, scenario);
        if (run.verdict.kind != Verdict::Kind::pass)
            throw LabError(fmt::format("the pump of {} does not pass: {}", report.device, run.verdict.reason),
                           "the same steps as a scenario, with landfall run");
        report.judged.push_back(rate(run));
    }
    return report;
}

}  // namespace landfall
