#include "rig/deterministic_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <tuple>

#include "landfall/error.hpp"
#include "landfall/scenario.hpp"
#include "os/one_cpu.hpp"
#include "rig/qemu_rig.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Counting takes time, and the guest does all its steps without a pause: the first answers may stand behind a busy host.
constexpr milliseconds kBootLimit = seconds(300), kStepLimit = seconds(100);

/// Nothing for a scenario the rig cannot run, since then none of it runs.
std::string script_of(const RigFile& file, const Scenario& scenario, const RigOptions& boot) {
    const auto devices = scenario.devices();
    const auto known = [&file](const std::string& name) {
        return std::ranges::find(file.functions, name, &RigFunction::name) != file.functions.end();
    };
    if (!std::ranges::all_of(devices, known)) return {};
    return exec_command(file, chosen_api(file, boot), devices) + '\n' + session_lines(scenario);
}

// QEMU's main loop lets time jump when the processor has halted, and may see that before the instructions up to the halt are
// counted (QEMU accel/tcg/tcg-accel-ops-rr.c: icount_process_data() comes behind tcg_cpu_exec(), without the lock). Where its
// threads take turns it does not look in between.
std::unique_ptr<QemuRig> on_one_cpu(const RigFile& file, const RigOptions& options, const QemuRig::Parts& parts) {
    const OneCpu here;
    return std::make_unique<QemuRig>(file, options, parts, Accelerator::tcg);
}

}  // namespace

void expect_deterministic(const RigFile& file) {
    if (file.kind != RigFile::Kind::qemu)
        throw LabError(fmt::format("rig {} has no deterministic mode: it is not of kind qemu", file.name),
                       file.kind == RigFile::Kind::sim ? "a simulated rig is deterministic as it is" : "");
    std::ignore = icount_arguments(file, Icount::deterministic, -1);
}

std::string session_lines(const Scenario& scenario) {
    std::string out;
    const std::span<const Line> lines = scenario.lines;
    for (std::size_t i = 0; i < lines.size();) {
        const auto block = lines.subspan(i, block_length(lines.subspan(i)));
        i += block.size();
        bool lanes = false;
        for (const auto& line : block) {
            if (line.step() == nullptr) continue;
            out += print(as_scenario(line)) + '\n';
            lanes = lanes || line.lane != 0;
        }
        if (lanes) out += "go\n";
    }
    return out + "end\n";
}

RunResult deterministic_run(const RigFile& file, const Scenario& scenario, const RigOptions& boot, const RunOptions& options) {
    expect_deterministic(file);
    auto patient = boot;
    patient.step_limit = std::max(boot.step_limit, kStepLimit);
    auto parts = machine_parts(file, patient, script_of(file, scenario, boot));
    parts.mode = Icount::deterministic;
    if (boot.log) boot.log(fmt::format("booting {} with {} (tcg, deterministic)", file.name, parts.kernel));
    auto rig = on_one_cpu(file, patient, parts);
    rig->mute();
    boot_or_throw(*rig, kBootLimit);
    return run_scenario(*rig, scenario, options);
}

}  // namespace landfall
