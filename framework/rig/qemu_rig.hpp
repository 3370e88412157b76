// A rig that is a QEMU process of ours.
#pragma once

#include "os/keeper.hpp"
#include "rig/accelerator.hpp"
#include "rig/channel.hpp"
#include "rig/console.hpp"
#include "rig/guest_memory.hpp"
#include "rig/rig.hpp"

namespace landfall {

class QemuRig final : public Rig {
  public:
    /// What a start needs, found once for several tries.
    struct Parts {
        std::string qemu, kernel;
        Fd initramfs;
        Fd disks;  ///< open only if the rig has some
    };
    /// Starts QEMU. The guest is not up yet.
    QemuRig(RigFile file, const RigOptions& options, const Parts& parts, Accelerator accelerator);

    /// Waits for the guest's `ready`. Throws RigDied.
    void boot(std::chrono::milliseconds limit);

    [[nodiscard]] const RigFile& file() const override { return file_; }
    [[nodiscard]] std::unique_ptr<Session> session(const std::vector<std::string>& devices) override;
    [[nodiscard]] std::string console() const override;
    /// Whether DMA of pumps is only counted in the sessions that start from now on.
    void bare_pumps(bool bare) { bare_pumps_ = bare; }

    /// A shell in the guest, with `in` and `out` as its terminal, until it ends or kEscape comes from `in`.
    /// Returns its exit status, 0 for the latter. Throws RigDied.
    int shell(int in, int out);
    static constexpr char kEscape = 0x1d;  ///< Ctrl-], as telnet has it

  private:
    /// Our ends of QEMU's channels, and its own until it has them.
    struct Wires;
    QemuRig(RigFile file, const RigOptions& options, const Parts& parts, Accelerator accelerator,
            Wires wires);

    RigFile file_;
    std::chrono::milliseconds step_limit_;
    bool bare_pumps_ = false;
    GuestMemory memory_;
    mutable Console console_;  ///< reading what is there already changes nothing a caller sees
    Channel channel_;
    KeptProgram qemu_;  ///< last: dies first
};

/// As start_rig, for a rig file of kind qemu.
[[nodiscard]] std::unique_ptr<QemuRig> start_qemu_rig(const RigFile& file, const RigOptions& options);

}  // namespace landfall
