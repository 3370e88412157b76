#include "rig/qemu_rig.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <thread>

#include "landfall/error.hpp"
#include "os/wire.hpp"
#include "rig/host_clock.hpp"
#include "rig/machine.hpp"
#include "rig/qmp.hpp"
#include "rig/session.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kReady = "ready landfall 1";
constexpr const char* kRestored = "landfall: restored to what it was here\n";

MachineFiles machine_files(const QemuRig::Parts& parts, int console, int port, int memory, int control) {
    return {parts.kernel, parts.initramfs.get(), console, port, memory, parts.disks.get(), control};
}

// Memory is a file of ours, and not part of the stream (x-ignore-shared): we copy it ourselves, and only what was touched.
void prepare_migration(Qmp& qmp, const Deadline& deadline) {
    const auto on = [](const char* name) { return nlohmann::json{{"capability", name}, {"state", true}}; };
    qmp.execute("migrate-set-capabilities", {{"capabilities", {on("events"), on("x-ignore-shared")}}}, deadline);
}

void await_migration(Qmp& qmp, const Deadline& deadline) {
    for (;;) {
        const auto status = qmp.event("MIGRATION", deadline).value("status", "");
        if (status == "completed") return;
        if (status != "failed") continue;
        const auto why = qmp.execute("query-migrate", nlohmann::json::object(), deadline);
        throw Qmp::Refused(why.value("error-desc", "migration failed"));
    }
}

nlohmann::json stream(const Fd& file) { return {{"uri", fmt::format("file:/proc/self/fd/{}", file.get())}}; }

// QEMU says that it is done a moment before it would go on.
void resume(Qmp& qmp, const Deadline& deadline) {
    for (;; std::this_thread::sleep_for(milliseconds(1))) {
        try {
            qmp.execute("cont", nlohmann::json::object(), deadline);
            return;
        } catch (const Qmp::Refused&) {
            if (deadline.passed()) throw;
        }
    }
}

// A kernel that boots on a busy host may find another rate by its timers. 41 MHz for 2596 MHz was seen: its clock ran 63
// times too fast, half a second of a test was 30, and a soft lockup was reported that was none.
std::string kernel_args(const RigOptions& options) {
    const auto clock = fmt::format("tsc_early_khz={}", host_tsc_khz());
    return options.kernel_args.empty() ? clock : clock + " " + options.kernel_args;
}

}  // namespace

struct QemuRig::Wires {
    Wire console = make_wire(), port = make_wire(), errors = make_wire(), control = make_wire();
};

QemuRig::QemuRig(RigFile file, const RigOptions& options, const Parts& parts, Accelerator accelerator,
                 MachineState state)
    : QemuRig(std::move(file), options, parts, accelerator, std::move(state), Wires()) {}

QemuRig::QemuRig(RigFile file, const RigOptions& options, const Parts& parts, Accelerator accelerator,
                 MachineState state, Wires wires)
    : file_(std::move(file)),
      step_limit_(options.step_limit),
      api_(chosen_api(file_, options)),
      state_(std::move(state)),
      console_(std::move(wires.console.ours), std::move(wires.errors.ours), state_.console),
      channel_(std::move(wires.port.ours), console_),
      control_(std::move(wires.control.ours)),
      qemu_([&] {
          const int console = wires.console.theirs.get(), port = wires.port.theirs.get();
          // Unique while the port is open, so that this process can be told from all others.
          const std::string name = fmt::format("landfall-{}-{}", getpid(), port);
          const auto files = machine_files(parts, console, port, state_.memory.fd(), wires.control.theirs.get());
          auto argv = machine_arguments(file_, files, accelerator_str(accelerator), name, kernel_args(options));
          argv.insert(argv.begin(), parts.qemu);
          if (!state_.emulator.empty()) argv.insert(argv.end(), {"-incoming", "defer"});
          std::vector<int> inherit{files.initramfs, console, port, files.memory, files.control, state_.devices.get()};
          if (parts.disks) inherit.push_back(files.disks);
          return KeptProgram::Launch{parts.qemu, argv, inherit, -1, -1, wires.errors.theirs.get()};
      }()) {}

void QemuRig::boot(milliseconds limit) {
    const Deadline deadline(limit);
    while (channel_.receive(deadline, "the start of the guest") != kReady) {
    }
}

void QemuRig::restore(Snapshot snapshot, milliseconds limit) {
    const Deadline deadline(limit);
    try {
        Qmp qmp(std::move(control_), deadline);
        if (qmp.version() != state_.emulator)
            throw Qmp::Refused(fmt::format("it is of QEMU {}, and this is {}", state_.emulator, qmp.version()));
        prepare_migration(qmp, deadline);
        qmp.execute("migrate-incoming", stream(state_.devices), deadline);
        await_migration(qmp, deadline);
    } catch (const std::runtime_error& e) {
        throw channel_.died(e.what());
    }
    channel_.send("restored", deadline);
    if (const auto answer = channel_.receive(deadline, "'restored'"); answer != kReady) throw channel_.died(answer);
    from_ = std::move(snapshot);
}

std::string QemuRig::keep(const Snapshot& snapshot, milliseconds limit) {
    const Deadline deadline(limit);
    try {
        Qmp qmp(std::move(control_), deadline);
        std::string trouble;
        try {
            prepare_migration(qmp, deadline);
            qmp.execute("migrate", stream(state_.devices), deadline);
            await_migration(qmp, deadline);
            state_.emulator = qmp.version();
            state_.console = console() + kRestored;
            snapshot.keep(state_);
        } catch (const Qmp::Refused& e) {
            trouble = e.what();
        } catch (const LabError& e) {
            trouble = e.what();  // of the disk: a QEMU that is silent stays so
        }
        resume(qmp, deadline);
        return trouble;
    } catch (const std::runtime_error& e) {
        throw channel_.died(e.what());
    }
}

void QemuRig::found_fit() {
    if (from_) from_->remember_fit();
}

std::string QemuRig::console() const {
    console_.drain();
    return console_.text();
}

Channel& QemuRig::start(const std::string& command) {
    channel_.send(command, Deadline(step_limit_));
    return channel_;
}

std::unique_ptr<Session> QemuRig::session(const std::vector<std::string>& devices) {
    if (channel_.broken())
        throw LabError(fmt::format("rig {} broke before and is not used again", file_.name));
    std::string command = bare_pumps_ ? "exec witness bare-pumps" : "exec witness";
    if (api_) command += fmt::format(" {}", api_str(*api_));
    for (const RigFunction& f : chosen_functions(file_, devices)) {
        command += " " + device_argument(f);
    }
    channel_.send(command, Deadline(step_limit_));
    return make_session(channel_, {file_.name, step_limit_, true,
                                   [this](const StampSearch& search) { return state_.memory.search(search); }});
}

SnapshotKey snapshot_key(const RigFile& file, const RigOptions& options, const QemuRig::Parts& parts,
                         Accelerator accelerator) {
    const auto files = machine_files({{}, {}, Fd(), Fd()}, -1, -1, -1, -1);
    return {parts.kernel, parts.initramfs.get(),
            machine_arguments(file, files, accelerator_str(accelerator), "", kernel_args(options)),
            emulator_identity(parts.qemu)};
}

}  // namespace landfall
