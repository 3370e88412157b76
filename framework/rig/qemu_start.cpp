// The start of a virtual rig: from a snapshot if there is one, else by booting, and the next time from a snapshot.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <future>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "rig/boot_image.hpp"
#include "rig/host_clock.hpp"
#include "rig/initramfs.hpp"
#include "rig/machine.hpp"
#include "rig/paths.hpp"
#include "rig/qemu_rig.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

// A guest takes 1 to 4 s in TCG and well below 1 s in KVM; a snapshot a tenth of a second.
constexpr milliseconds kBootLimit{60'000}, kKvmBootLimit{5'000}, kSnapshotLimit{20'000};

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

class Starter {
  public:
    Starter(const RigFile& file, const RigOptions& options)
        : file_(file),
          options_(options),
          clock_(std::async(std::launch::async, host_tsc_khz)),
          parts_(machine_parts(file, options)) {}

    std::unique_ptr<QemuRig> start() {
        if (!is_native(arch_of(file_))) return start_with(Accelerator::tcg);
        const AcceleratorChoice choice(cache_dir(), parts_.qemu);
        try {
            auto rig = start_with(choice.first());
            choice.works(choice.first());
            return rig;
        } catch (const RigDied& e) {
            if (!choice.may_fall_back()) throw;
            log(fmt::format("no guest runs with KVM here ({}); falling back to emulation", e.what()));
        }
        auto rig = start_with(Accelerator::tcg);
        choice.works(Accelerator::tcg);
        return rig;
    }

  private:
    std::unique_ptr<QemuRig> start_with(Accelerator accelerator) {
        // A guest that carries somebody's program is needed once.
        if (options_.boot || !options_.carry.empty()) return boot(accelerator);
        const Snapshot snapshot(snapshots_dir(), snapshot_key(file_, options_, parts_, accelerator).str());
        if (auto rig = restore(snapshot, accelerator)) return rig;
        auto rig = boot(accelerator);
        rig->take_functions(kSnapshotLimit);
        if (const auto why = rig->keep(snapshot, kSnapshotLimit); !why.empty())
            log(fmt::format("{} will be booted the next time, too: no snapshot ({})", file_.name, why));
        return rig;
    }

    /// Null if that is not possible; then there is no snapshot any more.
    std::unique_ptr<QemuRig> restore(const Snapshot& snapshot, Accelerator accelerator) {
        if (!snapshot.exists()) return nullptr;
        log(fmt::format("restoring {} with {} ({})", file_.name, parts_.kernel, accelerator_str(accelerator)));
        try {
            auto rig = std::make_unique<QemuRig>(file_, options_, parts_, accelerator, snapshot);
            rig->restore(kSnapshotLimit);
            return rig;
        } catch (const RigDied& e) {
            log(fmt::format("the snapshot of {} is of no use: {}", file_.name, e.what()));
        }
        snapshot.forget();
        return nullptr;
    }

    std::unique_ptr<QemuRig> boot(Accelerator accelerator) {
        log(fmt::format("booting {} with {} ({})", file_.name, parts_.kernel, accelerator_str(accelerator)));
        auto rig = std::make_unique<QemuRig>(file_, options_, parts_, accelerator);
        rig->boot(accelerator == Accelerator::kvm ? kKvmBootLimit : kBootLimit);
        return rig;
    }

    void log(const std::string& text) const {
        if (options_.log) options_.log(text);
    }

    const RigFile& file_;
    const RigOptions& options_;
    std::future<unsigned> clock_;  ///< the guest is told; measured while its parts are looked for
    QemuRig::Parts parts_;
};

}  // namespace

std::string find_qemu(const Arch& arch) {
    const char* set = &arch == &default_arch() ? std::getenv("LANDFALL_QEMU") : nullptr;
    const std::string name = set != nullptr && *set != '\0' ? set : arch.qemu;
    std::string found = find_program(name);
    if (found.empty()) {
        throw LabError(fmt::format("there is no {} on this machine", name),
                       arch.cure != nullptr ? arch.cure
                                            : "apt-get install qemu-system-x86 (10.0 from bookworm-backports on Debian 12), or set "
                                              "LANDFALL_QEMU");
    }
    return found;
}

void boot_or_throw(QemuRig& rig, milliseconds limit) {
    try {
        rig.boot(limit);
    } catch (const RigDied& e) {
        throw not_booted(rig.file(), e);
    }
}

QemuRig::Parts machine_parts(const RigFile& file, const RigOptions& options, const std::string& script) {
    const Arch& arch = arch_of(file);
    std::string qemu = find_qemu(arch);
    const auto program = guest_program(arch);
    if (!is_native(arch) && !options.carry.empty())
        throw LabError(fmt::format("{} does not run on rig {}, which is {}", options.carry.front().string(), file.name, arch.label),
                       "take a rig of this machine's architecture: landfall rig list");
    auto image = boot_image(options.kernel.empty() ? file.kernel : options.kernel, arch,
                            options.log ? options.log : [](const auto&) {});
    return {std::move(qemu), std::move(image.kernel), make_initramfs(program, options.carry, image.modules, script),
            make_disks(file)};
}

std::unique_ptr<QemuRig> start_qemu_rig(const RigFile& file, const RigOptions& options) {
    try {
        return Starter(file, options).start();
    } catch (const RigDied& e) {
        throw not_booted(file, e);
    }
}

}  // namespace landfall
