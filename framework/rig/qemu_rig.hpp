// A rig that is a QEMU process of ours.
#pragma once

#include <optional>

#include "landfall/error.hpp"
#include "os/keeper.hpp"
#include "rig/accelerator.hpp"
#include "rig/channel.hpp"
#include "rig/console.hpp"
#include "rig/machine.hpp"
#include "rig/rig.hpp"
#include "rig/snapshot.hpp"

namespace landfall {

class QemuRig final : public Rig {
  public:
    /// What a start needs, found once for several tries.
    struct Parts {
        std::string qemu, kernel;
        Fd initramfs;
        Fd disks;  ///< open only if the rig has some
        Icount mode = Icount::off;
        Fd log{};           ///< QEMU's record/replay log; open unless `mode` is off
        std::string gdb{};  ///< path of the socket on which QEMU waits for a debugger; empty: it does not
    };
    /// Starts QEMU with a machine that never ran, which is to boot() or, given a snapshot, to restore(). The guest is not up yet.
    QemuRig(RigFile file, const RigOptions& options, const Parts& parts, Accelerator accelerator,
            std::optional<Snapshot> from = std::nullopt);

    /// Waits for the `ready` of a guest that boots. Throws RigDied.
    void boot(std::chrono::milliseconds limit);
    /// Goes on with the machine of the snapshot, and waits for its `ready`. Throws RigDied.
    void restore(std::chrono::milliseconds limit);
    /// Has the guest take all functions, so that sessions need not. Throws RigDied.
    void take_functions(std::chrono::milliseconds limit);
    /// Keeps the machine as it is, right after it booted. Returns why that is impossible, or nothing; the machine goes on.
    /// Throws RigDied if it does not.
    [[nodiscard]] std::string keep(const Snapshot& snapshot, std::chrono::milliseconds limit);

    [[nodiscard]] const RigFile& file() const override { return file_; }
    [[nodiscard]] std::unique_ptr<Session> session(const std::vector<std::string>& devices) override;
    [[nodiscard]] std::unique_ptr<Session> first_session() override;
    [[nodiscard]] std::string console() const override;
    /// Whether DMA of pumps is only counted in the sessions that start from now on.
    void bare_pumps(bool bare) { bare_pumps_ = bare; }
    [[nodiscard]] bool known_fit() const override { return from_ && from_->known_fit(); }
    void found_fit() override;

    /// Has the guest's first process start something other than a session, whose lines come over the channel. Throws RigDied.
    [[nodiscard]] Channel& start(const std::string& command);
    /// Shows what the guest's console says from now on, as it comes.
    void show_console(std::function<void(std::string_view)> take) { console_.show(std::move(take)); }

    /// Looks for the witness in the sessions that start from now on; without it all of memory is searched at once.
    using Search = std::function<std::vector<Stamped>(const GuestMemory&, const StampSearch&)>;
    void search_with(Search search) { search_ = std::move(search); }
    /// Of a machine that has what it would be told from elsewhere: a log, a script.
    void mute() { channel_.mute(); }
    /// QEMU's control channel (QMP), which belongs to the caller from now on. Not of a machine that is restored or kept.
    [[nodiscard]] Fd take_control() { return std::move(control_); }
    /// Takes what the machine says until QEMU has ended by itself; nullopt if the limit passed first.
    [[nodiscard]] std::optional<int> await_end(std::chrono::milliseconds limit);

    /// A shell in the guest, with `in` and `out` as its terminal, until it ends or kEscape comes from `in`.
    /// Returns its exit status, 0 for the latter. Throws RigDied.
    int shell(int in, int out);
    static constexpr char kEscape = 0x1d;  ///< Ctrl-], as telnet has it

  private:
    [[nodiscard]] std::string how_it_ended();
    [[nodiscard]] std::unique_ptr<Session> start_session(const std::string& command);
    /// Our ends of QEMU's channels, and its own until it has them.
    struct Wires;
    QemuRig(RigFile file, const RigOptions& options, const Parts& parts, Accelerator accelerator, std::optional<Snapshot> from,
            Wires wires);

    RigFile file_;
    std::chrono::milliseconds step_limit_;
    std::optional<Api> api_;
    bool bare_pumps_ = false;
    Search search_;
    MachineState state_;
    std::optional<Snapshot> from_;  ///< only of a machine that is restored
    mutable Console console_;       ///< reading what is there already changes nothing a caller sees
    Channel channel_;
    Fd control_;        ///< QMP, until it was used
    KeptProgram qemu_;  ///< last: dies first
};

/// The QEMU of this computer, the kernel (built if it is missing), an initramfs and disks. Throws LabError.
/// `script`: what the guest is to be told, if it is to have that from the start.
[[nodiscard]] QemuRig::Parts machine_parts(const RigFile& file, const RigOptions& options, const std::string& script = {});
/// What starts a session with the named devices (all of them if empty) in a guest: a line of the protocol.
[[nodiscard]] std::string exec_command(const RigFile& file, std::optional<Api> api, const std::vector<std::string>& devices);
/// $LANDFALL_QEMU if it is for x86_64, else the one in PATH. Throws LabError.
[[nodiscard]] std::string find_qemu(const Arch& arch = default_arch());
/// Boots it. Throws LabError with the last lines of its console if it dies meanwhile.
void boot_or_throw(QemuRig& rig, std::chrono::milliseconds limit);

/// QEMU's arguments with what differs from start to start, descriptors and names, made equal; without the kernel's path.
[[nodiscard]] std::vector<std::string> comparable_arguments(const RigFile& file, const RigOptions& options,
                                                            Icount mode, Accelerator accelerator);

/// Covers what a machine is made of. Not in it: what differs from start to start, and where the kernel's file lies.
[[nodiscard]] SnapshotKey snapshot_key(const RigFile& file, const RigOptions& options, const QemuRig::Parts& parts,
                                       Accelerator accelerator);

/// As start_rig, for a rig file of kind qemu.
[[nodiscard]] std::unique_ptr<QemuRig> start_qemu_rig(const RigFile& file, const RigOptions& options);

}  // namespace landfall
