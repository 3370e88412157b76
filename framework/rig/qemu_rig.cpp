#include "rig/qemu_rig.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "os/wire.hpp"
#include "rig/boot_image.hpp"
#include "rig/initramfs.hpp"
#include "rig/machine.hpp"
#include "rig/paths.hpp"
#include "rig/session.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

// A guest takes 1 to 4 s in TCG and well below 1 s in KVM.
constexpr milliseconds kBootLimit{60'000}, kKvmBootLimit{5'000};
constexpr std::string_view kReady = "ready landfall 1";

std::string find_qemu() {
    const char* set = std::getenv("LANDFALL_QEMU");
    const std::string name = set != nullptr && *set != '\0' ? set : "qemu-system-x86_64";
    std::string found = find_program(name);
    if (found.empty()) {
        throw LabError(fmt::format("there is no {} on this machine", name),
                       "apt-get install qemu-system-x86 (10.0 from bookworm-backports on Debian 12), or set "
                       "LANDFALL_QEMU");
    }
    return found;
}

/// A memory file with holes: it takes what is written to it, and is gone with QEMU.
Fd make_disks(const RigFile& file) {
    if (file.disks == 0) return {};
    Fd out(memfd_create("landfall-disks", MFD_CLOEXEC));
    if (!out || ftruncate(out.get(), static_cast<off_t>(disks_bytes(file))) != 0)
        throw LabError(fmt::format("no memory file for the disks of {}: {}", file.name, std::strerror(errno)));
    return out;
}

LabError not_booted(const RigFile& file, const RigDied& e) {
    std::string text = fmt::format("rig {} did not boot: {}", file.name, e.what());
    if (!e.console().empty()) text += "\n--- last lines of its console ---\n" + e.console();
    return LabError(text);
}

}  // namespace

struct QemuRig::Wires {
    Wire console = make_wire(), port = make_wire(), errors = make_wire();
};

QemuRig::QemuRig(RigFile file, const RigOptions& options, const Parts& parts, Accelerator accelerator)
    : QemuRig(std::move(file), options, parts, accelerator, Wires()) {}

QemuRig::QemuRig(RigFile file, const RigOptions& options, const Parts& parts, Accelerator accelerator,
                 Wires wires)
    : file_(std::move(file)),
      step_limit_(options.step_limit),
      memory_(static_cast<std::uint64_t>(file_.memory_mib) << 20U),
      console_(std::move(wires.console.ours), std::move(wires.errors.ours)),
      channel_(std::move(wires.port.ours), console_),
      qemu_([&] {
          const int console = wires.console.theirs.get(), port = wires.port.theirs.get();
          // Unique while the port is open, so that this process can be told from all others.
          const std::string name = fmt::format("landfall-{}-{}", getpid(), port);
          const MachineFiles files{parts.kernel, parts.initramfs.get(), console, port, memory_.fd(), parts.disks.get()};
          std::vector<std::string> argv =
              machine_arguments(file_, files, accelerator_str(accelerator), name, options.kernel_args);
          argv.insert(argv.begin(), parts.qemu);
          std::vector<int> inherit{files.initramfs, console, port, files.memory};
          if (parts.disks) inherit.push_back(files.disks);
          return KeptProgram::Launch{parts.qemu, argv, inherit, -1, -1, wires.errors.theirs.get()};
      }()) {}

void QemuRig::boot(milliseconds limit) {
    const Deadline deadline(limit);
    while (channel_.receive(deadline, "the start of the guest") != kReady) {
    }
}

std::string QemuRig::console() const {
    console_.drain();
    return console_.text();
}

std::unique_ptr<Session> QemuRig::session(const std::vector<std::string>& devices) {
    if (channel_.broken())
        throw LabError(fmt::format("rig {} broke before and is not used again", file_.name));
    std::string command = bare_pumps_ ? "exec witness bare-pumps" : "exec witness";
    for (const RigFunction& f : chosen_functions(file_, devices)) {
        command += " " + device_argument(f);
    }
    channel_.send(command, Deadline(step_limit_));
    return make_session(channel_, {file_.name, step_limit_, true,
                                   [this](const StampSearch& search) { return memory_.search(search); }});
}

std::unique_ptr<QemuRig> start_qemu_rig(const RigFile& file, const RigOptions& options) {
    const auto log = [&](const std::string& text) {
        if (options.log) options.log(text);
    };
    const std::string qemu = find_qemu();
    const std::string kernel = boot_image(options.kernel.empty() ? file.kernel : options.kernel, log);
    const QemuRig::Parts parts{qemu, kernel, make_initramfs(landfall_program()), make_disks(file)};
    const AcceleratorChoice choice(cache_dir(), qemu);
    const auto start = [&](Accelerator accelerator) {
        log(fmt::format("booting {} with {} ({})", file.name, kernel, accelerator_str(accelerator)));
        auto rig = std::make_unique<QemuRig>(file, options, parts, accelerator);
        rig->boot(accelerator == Accelerator::kvm ? kKvmBootLimit : kBootLimit);
        choice.works(accelerator);
        return rig;
    };
    try {
        try {
            return start(choice.first());
        } catch (const RigDied& e) {
            if (!choice.may_fall_back()) throw;
            log(fmt::format("no guest runs with KVM here ({}); falling back to emulation", e.what()));
        }
        return start(Accelerator::tcg);
    } catch (const RigDied& e) {
        throw not_booted(file, e);
    }
}

}  // namespace landfall
