#include "rig/scenario_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace landfall {
namespace {

// The name of a device the scenario uses and the rig does not have; empty if there is none.
std::string missing_device(const RigFile& rig, const std::vector<std::string>& devices) {
    for (const auto& name : devices)
        if (std::ranges::find(rig.functions, name, &RigFunction::name) == rig.functions.end()) return name;
    return {};
}

bool ends_the_run(const Line& line) {
    return line.observed &&
           (std::holds_alternative<Unmet>(*line.observed) || std::holds_alternative<Broken>(*line.observed));
}

// Runs the scenario's lines; the last one added is the last one that ran.
void play(Session& session, const Scenario& scenario, bool fail_fast, Recorder& recorder) {
    const auto add = [&](const Line& line) { recorder.add(line); };
    const std::span<const Line> lines = scenario.lines;
    for (std::size_t i = 0; i < lines.size() && !recorder.over() && !(fail_fast && recorder.violated());) {
        const auto block = lines.subspan(i, block_length(lines.subspan(i)));
        i += block.size();
        std::vector<Line> steps;
        for (const auto& line : block) {
            if (line.step() == nullptr) add(line);
            else steps.push_back(line);
        }
        if (!steps.empty()) session.run(steps, add);
    }
}

}  // namespace

Recorder::Recorder(std::string file, const RunOptions& options) : options_(options), checker_(options.check) {
    result_.trace.file = std::move(file);
    result_.trace.of_run = true;
}

void Recorder::add(Line line) {
    line.number = static_cast<unsigned>(result_.trace.lines.size() + 1);
    if (line.when) last_ = std::max(last_, line.when->end);
    over_ = over_ || ends_the_run(line);
    checker_.feed(line);
    if (options_.on_line) options_.on_line(line);
    result_.trace.lines.push_back(std::move(line));
}

RunResult Recorder::finish() {
    result_.verdict = checker_.finish();
    return std::move(result_);
}

Line rig_line(const RigFile& rig) {
    Line line;
    line.body = Fact{TextFact{"rig", rig.name}};
    return line;
}

Line obituary(const RigDied& death, Nanoseconds when) {
    Line line;
    line.when = Interval{when, when};
    if (death.kernel_died()) line.body = Event{KernelEvent{death.what()}};
    else line.body = Event{LabEvent{death.what()}};
    return line;
}

RunResult run_recorded(Rig& rig, const std::string& file, const std::vector<std::string>& devices,
                       const RunOptions& options, const std::function<void(Session&, Recorder&)>& play) {
    const auto console_before = rig.console().size();
    Recorder recorder(file, options);
    std::optional<std::string> last_words;
    try {
        const auto session = rig.session(devices);
        recorder.add(rig_line(rig.file()));
        for (const auto& line : session->head()) recorder.add(line);
        play(*session, recorder);
        session->finish([&](const Line& line) { recorder.add(line); });
    } catch (const RigDied& death) {
        if (recorder.empty()) recorder.add(rig_line(rig.file()));
        recorder.add(obituary(death, recorder.last_time()));
        last_words = death.console();
    }
    auto result = recorder.finish();
    result.rig_lost = last_words.has_value();
    result.console = rig.console().substr(console_before);
    // A rig that died without a word in this run leaves what it said before.
    if (result.console.empty() && last_words) result.console = *last_words;
    return result;
}

RunResult run_scenario(Rig& rig, const Scenario& scenario, const RunOptions& options) {
    const auto devices = scenario.devices();
    if (const auto name = missing_device(rig.file(), devices); !name.empty()) {
        RunResult result;
        result.trace.file = scenario.file;
        result.verdict.kind = Verdict::Kind::unmet;
        result.verdict.reason = fmt::format("rig {} has no function named {}", rig.file().name, name);
        return result;
    }
    return run_recorded(rig, scenario.file, devices, options, [&](Session& session, Recorder& recorder) {
        play(session, scenario, options.fail_fast, recorder);
    });
}

}  // namespace landfall
