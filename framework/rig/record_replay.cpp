#include "rig/record_replay.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <tuple>

#include "landfall/error.hpp"
#include "landfall/scenario.hpp"
#include "landfall/search_lines.hpp"
#include "os/files.hpp"
#include "rig/qemu_rig.hpp"
#include "rig/qmp.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Files = RecordingFiles;
using Json = nlohmann::json;

// A machine that counts its instructions, and writes of every interrupt before which of them it came, runs at a fraction of the
// speed of one that does not; docs/replay.md has figures. One that replays need not sleep where the other one waited, but looks into
// the log before every few instructions. On a host with other work both take several times as long again.
constexpr milliseconds kBootLimit = seconds(600), kStepLimit = seconds(100), kControlLimit = seconds(60), kEndLimit = seconds(60);
// Under a debugger it is a person who makes it wait.
constexpr milliseconds kDebuggerLimit = std::chrono::hours(24);

class Control {
  public:
    explicit Control(QemuRig& rig) : rig_(rig), qmp_(connect(rig)) {}

    [[nodiscard]] const std::string& version() const { return qmp_.version(); }
    Json execute(const char* command, const Json& arguments = Json::object()) {
        return qmp_.execute(command, arguments, Deadline(kControlLimit));
    }
    void await_halt(milliseconds limit) { std::ignore = qmp_.event("STOP", Deadline(limit)); }
    [[nodiscard]] std::uint64_t instruction() { return execute("query-replay").at("icount").get<std::uint64_t>(); }
    /// What went wrong between QEMU and us, as the end of the rig.
    template <class Act>
    auto or_died(Act act) {
        try {
            return act();
        } catch (const std::exception& e) {
            throw RigDied(e.what(), false, rig_.console());
        }
    }

  private:
    /// A QEMU that does not like its log says so and ends.
    static Qmp connect(QemuRig& rig) {
        try {
            return {rig.take_control(), Deadline(kControlLimit)};
        } catch (const LabError& e) {
            throw LabError(fmt::format("{}\n{}", e.what(), rig.console()));
        }
    }
    QemuRig& rig_;
    Qmp qmp_;
};

/// The machine stands still while its memory is searched, and where it stood is noted.
class SearchRecorder {
  public:
    explicit SearchRecorder(Control& control) : control_(control) {}
    std::vector<Stamped> search(const GuestMemory& memory, const StampSearch& what) {
        return control_.or_died([&] {
            control_.execute("stop");
            auto found = memory.search(what);
            searches_.push_back({control_.instruction(), print_found(found)});
            control_.execute("cont");
            return found;
        });
    }
    [[nodiscard]] const std::vector<RecordedSearch>& searches() const { return searches_; }

  private:
    Control& control_;
    std::vector<RecordedSearch> searches_;
};

/// Halts the machine where it stood when the recorded one was searched.
class SearchReplayer {
  public:
    SearchReplayer(Control& control, const std::vector<RecordedSearch>& searches) : control_(control), searches_(searches) {}
    /// The machine halts; it is to run after it.
    void halt_at_next() {
        if (next_ < searches_.size()) control_.execute("replay-break", {{"icount", searches_[next_].instruction}});
    }
    std::vector<Stamped> search(const GuestMemory& memory, const StampSearch& what) {
        return control_.or_died([&] {
            if (next_ == searches_.size()) throw LabError("the guest asks its witness more often than it did when it was recorded");
            control_.await_halt(kStepLimit);
            auto found = memory.search(what);
            const auto& then = searches_[next_++];
            if (const auto now = print_found(found); now != then.found && difference_.empty())
                difference_ = fmt::format("the witness answered '{}' when it was recorded\nand now '{}'", then.found, now);
            halt_at_next();
            control_.execute("cont");
            return found;
        });
    }
    [[nodiscard]] const std::string& difference() const { return difference_; }

  private:
    Control& control_;
    const std::vector<RecordedSearch>& searches_;
    std::size_t next_ = 0;
    std::string difference_;
};

void say(const std::function<void(const std::string&)>& log, const std::string& text) {
    if (log) log(text);
}

// QEMU writes the head of its log when it ends by itself, as it does when its guest panics.
void end_recording(QemuRig& rig, Control& control) {
    try {
        control.execute("quit");
    } catch (const std::runtime_error&) {
        // It is ending, or will not: the log tells.
    }
    if (!rig.await_end(kEndLimit)) throw LabError("QEMU was told to end, so as to finish its recording, and did not in time");
    // It says so, and goes on (replay/replay-internal.c, replay_write_error).
    if (const auto said = rig.console(); said.find("replay write error") != std::string::npos)
        throw LabError("QEMU could not write its recording: is the disk full?");
}

RigOptions patient(RigOptions boot) {
    boot.step_limit = std::max(boot.step_limit, kStepLimit);
    return boot;
}

void keep_inputs(const NewRecording& recording, const RigFile& file, const Scenario& scenario, const QemuRig::Parts& parts) {
    const Fd kernel(open(parts.kernel.c_str(), O_RDONLY | O_CLOEXEC));
    if (!kernel) throw LabError(fmt::format("{}: cannot be read", parts.kernel));
    recording.copy(Files::kKernel, kernel.get());
    recording.copy(Files::kInitramfs, parts.initramfs.get());
    recording.put(Files::kRig, read_file(file.path));
    recording.put(Files::kScenario, scenario.print());
}

RigFile recorded_rig(const Recording& recording) {
    auto file = load_rig(recording.file(Files::kRig).string());
    file.name = recording.manifest().rig;
    return file;
}

RigOptions recorded_options(const Manifest& m, bool debugged) {
    RigOptions options;
    options.kernel_args = m.kernel_args;
    options.api = m.api;
    options.step_limit = debugged ? kDebuggerLimit : kStepLimit;
    return options;
}

void expect_same_machine(const Manifest& m, const RigFile& file, const RigOptions& options) {
    const auto arguments = comparable_arguments(file, options, Icount::record, Accelerator::tcg);
    if (arguments == m.arguments) return;
    const auto [is, was] = std::ranges::mismatch(arguments, m.arguments);
    throw LabError(fmt::format("this landfall starts another machine than the one that was recorded: QEMU's arguments have '{}', expected '{}'",
                               is == arguments.end() ? "" : *is, was == m.arguments.end() ? "" : *was),
                   "replay it with the landfall that recorded it");
}

void expect_same_emulator(const std::string& is, const std::string& was) {
    if (is != was)
        throw LabError(fmt::format("it was recorded with QEMU {}, and this is {}", was, is), "LANDFALL_QEMU names another one");
}

}  // namespace

void expect_recordable(const RigFile& file) {
    if (file.kind != RigFile::Kind::qemu)
        throw LabError(fmt::format("rig {} cannot be recorded: it is not of kind qemu", file.name),
                       file.kind == RigFile::Kind::sim ? "of a simulated rig --seed gives the same history again" : "");
    std::ignore = icount_arguments(file, Icount::record, -1);
}

RunResult record_run(const RigFile& file, const Scenario& scenario, const RigOptions& boot, const RunOptions& options,
                     NewRecording& recording) {
    expect_recordable(file);
    const auto patience = patient(boot);
    auto arguments = comparable_arguments(file, patience, Icount::record, Accelerator::tcg);
    auto parts = machine_parts(file, patience);
    parts.mode = Icount::record;
    parts.log = Fd(fcntl(recording.log().get(), F_DUPFD_CLOEXEC, 0));
    keep_inputs(recording, file, scenario, parts);
    say(boot.log, fmt::format("booting {} with {} (tcg, recorded)", file.name, parts.kernel));
    QemuRig rig(file, patience, parts, Accelerator::tcg);
    boot_or_throw(rig, kBootLimit);
    Control control(rig);
    SearchRecorder searches(control);
    rig.search_with([&](const GuestMemory& memory, const StampSearch& what) { return searches.search(memory, what); });
    auto result = run_scenario(rig, scenario, options);
    end_recording(rig, control);
    recording.put(Files::kTrace, result.trace.print());
    recording.put(Files::kConsole, rig.console());
    recording.complete({file.name, scenario.file, boot.kernel.empty() ? file.kernel : boot.kernel, boot.kernel_args, boot.api,
                        control.version(), std::move(arguments), searches.searches()});
    return result;
}

Replayed replay_run(const Recording& recording, const ReplayOptions& options) {
    const auto& manifest = recording.manifest();
    const bool debugged = !options.gdb.empty();
    const auto file = recorded_rig(recording);
    const auto boot = recorded_options(manifest, debugged);
    expect_same_machine(manifest, file, boot);
    const auto scenario = Scenario::parse(read_file(recording.file(Files::kScenario)), manifest.scenario);
    const auto recorded = Trace::parse(read_file(recording.file(Files::kTrace)), recording.file(Files::kTrace).string());
    const QemuRig::Parts parts{find_qemu(), recording.file(Files::kKernel).string(), recording.open(Files::kInitramfs), Fd(),
                               Icount::replay, recording.open(Files::kLog), options.gdb};
    say(options.log, fmt::format("replaying {} with {} on {}", manifest.scenario, manifest.kernel, file.name));
    const auto socket = debugged ? std::make_unique<Keeper>([path = options.gdb] { unlink(path.c_str()); }) : nullptr;
    QemuRig rig(file, boot, parts, Accelerator::tcg);
    rig.mute();
    Control control(rig);
    expect_same_emulator(control.version(), manifest.emulator);
    SearchReplayer searches(control, manifest.searches);
    if (debugged) {
        say(options.log, fmt::format("waiting for a debugger: gdb -ex 'target remote {}' VMLINUX", options.gdb));
    } else {
        rig.search_with([&](const GuestMemory& memory, const StampSearch& what) { return searches.search(memory, what); });
        searches.halt_at_next();
        control.execute("cont");
    }
    boot_or_throw(rig, debugged ? kDebuggerLimit : kBootLimit);
    auto run = run_scenario(rig, scenario, options.run);
    auto difference = first_difference(recorded, run.trace);
    if (difference.empty()) difference = searches.difference();
    return {std::move(run), std::move(difference)};
}

std::string first_difference(const Trace& recorded, const Trace& replayed) {
    const auto is_lab = [](const Line& line) { return line.event() != nullptr && std::holds_alternative<LabEvent>(*line.event()); };
    const std::size_t lines = std::max(recorded.lines.size(), replayed.lines.size());
    for (std::size_t i = 0; i < lines; ++i) {
        const auto text = [i](const Trace& t) { return i < t.lines.size() ? print(t.lines[i]) : std::string("(its end)"); };
        if (text(recorded) == text(replayed)) continue;
        const bool last = i + 1 == recorded.lines.size() && i + 1 == replayed.lines.size();
        if (last && is_lab(recorded.lines[i]) && is_lab(replayed.lines[i])) continue;
        return fmt::format("line {} was   {}\n  and is now   {}", i + 1, text(recorded), text(replayed));
    }
    return {};
}

}  // namespace landfall
