#include "rig/qemu_rig.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
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

// Where the clock counts instructions a channel that is full must not be seen by the guest. The bytes of a console come one by one,
// of which a socket takes few.
bool console_is_pipe(Icount mode) { return mode != Icount::off; }

// A trace comes in pieces of some KiB. Beyond net.core.wmem_max that is for root to have; who is not may see that his guest waits
// for a busy host when it has much to tell.
void make_roomy(const Wire& wire) {
    constexpr int kBytes = 64 << 20;
    if (setsockopt(wire.theirs.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kBytes, sizeof kBytes) != 0)
        setsockopt(wire.theirs.get(), SOL_SOCKET, SO_SNDBUF, &kBytes, sizeof kBytes);
}

MachineFiles machine_files(const QemuRig::Parts& parts, int console, int port, int memory, int control) {
    return {parts.kernel, parts.initramfs.get(), console, port, memory, parts.disks.get(), control, console_is_pipe(parts.mode)};
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
std::string kernel_args(const RigFile& file, const RigOptions& options, Icount mode) {
    if (!arch_of(file).told_clock_rate) return options.kernel_args;
    const auto clock = fmt::format("tsc_early_khz={}", mode == Icount::off ? host_tsc_khz() : kIcountTscKhz);
    return options.kernel_args.empty() ? clock : clock + " " + options.kernel_args;
}

/// As a value among QEMU's options, which commas separate.
std::string escaped(const std::string& value) {
    std::string out;
    for (const char c : value) out += c == ',' ? std::string(",,") : std::string(1, c);
    return out;
}

}  // namespace

struct QemuRig::Wires {
    explicit Wires(Icount mode) : console(console_is_pipe(mode) ? make_pipe() : make_wire()) {
        if (mode != Icount::off) make_roomy(port);
    }
    Wire console, port = make_wire(), errors = make_wire(), control = make_wire();
};

QemuRig::QemuRig(RigFile file, const RigOptions& options, const Parts& parts, Accelerator accelerator,
                 std::optional<Snapshot> from)
    : QemuRig(std::move(file), options, parts, accelerator, std::move(from), Wires(parts.mode)) {}

QemuRig::QemuRig(RigFile file, const RigOptions& options, const Parts& parts, Accelerator accelerator,
                 std::optional<Snapshot> from, Wires wires)
    : file_(std::move(file)),
      step_limit_(options.step_limit),
      api_(chosen_api(file_, options)),
      state_(MachineState::blank(std::uint64_t{file_.memory_mib} << 20U, arch_of(file_).ram_base)),
      from_(std::move(from)),
      console_(std::move(wires.console.ours), std::move(wires.errors.ours)),
      channel_(std::move(wires.port.ours), console_),
      control_(std::move(wires.control.ours)),
      qemu_([&] {
          const int console = wires.console.theirs.get(), port = wires.port.theirs.get();
          // Unique while the port is open, so that this process can be told from all others.
          const std::string name = fmt::format("landfall-{}-{}", getpid(), port);
          const auto files = machine_files(parts, console, port, state_.memory.fd(), wires.control.theirs.get());
          auto argv = machine_arguments(file_, files, accelerator_str(accelerator), name, kernel_args(file_, options, parts.mode));
          argv.insert(argv.begin(), parts.qemu);
          const auto how = icount_arguments(file_, parts.mode, parts.log.get());
          argv.insert(argv.end(), how.begin(), how.end());
          if (!parts.gdb.empty()) argv.insert(argv.end(), {"-gdb", "unix:" + escaped(parts.gdb) + ",server=on,wait=off"});
          if (from_) argv.insert(argv.end(), {"-incoming", "defer"});
          std::vector<int> inherit{files.initramfs, console, port, files.memory, files.control, state_.devices.get()};
          if (parts.disks) inherit.push_back(files.disks);
          if (parts.log) inherit.push_back(parts.log.get());
          return KeptProgram::Launch{parts.qemu, argv, inherit, -1, -1, wires.errors.theirs.get()};
      }()) {
    channel_.explain_end([this] { return how_it_ended(); });
}

// One that ends by itself says why on its console; a shell calls a signal 128 and its number.
std::string QemuRig::how_it_ended() {
    constexpr int kSignals = 128;
    const auto status = qemu_.wait(milliseconds(1000));
    if (!status || *status <= kSignals) return {};
    return fmt::format("QEMU was ended by signal {} ({})", *status - kSignals, strsignal(*status - kSignals));
}

void QemuRig::boot(milliseconds limit) {
    const Deadline deadline(limit);
    while (channel_.receive(deadline, "the start of the guest") != kReady) {
    }
}

// QEMU starts meanwhile, for which it needs as long.
void QemuRig::restore(milliseconds limit) {
    const Deadline deadline(limit);
    if (!from_->load(state_)) throw channel_.died("it is damaged");
    console_.add_earlier(state_.console);
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
}

void QemuRig::take_functions(milliseconds limit) {
    const Deadline deadline(limit);
    std::string command = "take";
    for (const RigFunction& f : file_.functions) command += " " + device_argument(f);
    channel_.send(command, deadline);
    if (const auto answer = channel_.receive(deadline, "'take'"); answer != kReady) throw channel_.died(answer);
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
    return start_session(exec_command(file_, api_, devices) + (bare_pumps_ ? " bare-pumps" : ""));
}

std::unique_ptr<Session> QemuRig::first_session() { return start_session(exec_command(file_, api_, {}) + " first"); }

std::unique_ptr<Session> QemuRig::start_session(const std::string& command) {
    if (channel_.broken())
        throw LabError(fmt::format("rig {} broke before and is not used again", file_.name));
    channel_.send(command, Deadline(step_limit_));
    return make_session(channel_, {file_.name, step_limit_, true,
                                   [this](const StampSearch& search) {
                                       return search_ ? search_(state_.memory, search) : state_.memory.search(search);
                                   }});
}

std::string exec_command(const RigFile& file, std::optional<Api> api, const std::vector<std::string>& devices) {
    std::string out = "exec witness";
    if (api) out += fmt::format(" {}", api_str(*api));
    for (const RigFunction& f : chosen_functions(file, devices)) out += " " + device_argument(f);
    return out;
}

// QEMU does not end before what the guest said was taken from it (chardev/char.c, qemu_chr_write_buffer).
std::optional<int> QemuRig::await_end(milliseconds limit) {
    constexpr milliseconds kSlice{50};
    const Deadline deadline(limit);
    while (channel_.pump(deadline) && !deadline.passed()) {
    }
    for (;;) {
        console_.drain();
        if (const auto status = qemu_.wait(std::min(kSlice, deadline.left())); status || deadline.passed()) return status;
    }
}

std::vector<std::string> comparable_arguments(const RigFile& file, const RigOptions& options, Icount mode,
                                              Accelerator accelerator) {
    auto out = machine_arguments(file, machine_files({{}, {}, Fd(), Fd(), mode}, -1, -1, -1, -1), accelerator_str(accelerator), "",
                                 kernel_args(file, options, mode));
    const auto how = icount_arguments(file, mode, -1);
    out.insert(out.end(), how.begin(), how.end());
    return out;
}

SnapshotKey snapshot_key(const RigFile& file, const RigOptions& options, const QemuRig::Parts& parts,
                         Accelerator accelerator) {
    return {parts.kernel, parts.initramfs.get(), comparable_arguments(file, options, Icount::off, accelerator),
            emulator_identity(parts.qemu)};
}

}  // namespace landfall
