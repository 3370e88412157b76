// Machines as they were right after they had booted, kept so that the next start need not boot.
//
// A snapshot only saves time: one that is missing, damaged or of another machine means a boot, never an error. Whoever
// keeps one may be killed at any moment, and several processes may do so at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "os/fd.hpp"
#include "rig/guest_memory.hpp"

namespace landfall {

/// A virtual machine while no QEMU runs it.
struct MachineState {
    GuestMemory memory;
    Fd devices;            ///< a memory file: QEMU's migration stream of all but the memory; empty of a machine that never ran
    std::string console;   ///< what it said so far
    std::string emulator;  ///< Qmp::version() of what ran it

    /// One that never ran. Throws LabError.
    [[nodiscard]] static MachineState blank(std::uint64_t memory_bytes, std::uint64_t memory_base = 0);
};

/// What a booted machine is a function of. Two machines with equal keys are the same machine.
struct SnapshotKey {
    std::string kernel;                  ///< path of the image
    int initramfs = -1;                  ///< a file
    std::vector<std::string> arguments;  ///< QEMU's, with descriptors and names that differ from start to start made equal
    std::string emulator;                ///< emulator_identity()

    /// 32 hexadecimal digits, over the contents of the files. Throws LabError if one cannot be read.
    [[nodiscard]] std::string str() const;
};

/// Where the snapshot of one machine is kept, whether there is one or not.
class Snapshot {
  public:
    static constexpr std::uint64_t kMostBytes = 4ULL << 30;

    /// `directory` is made when something is first kept. Beyond `most_bytes` in all of it the snapshots that were not used
    /// for longest go.
    Snapshot(std::filesystem::path directory, const std::string& key, std::uint64_t most_bytes = kMostBytes);

    /// Whether there is one, which may be damaged.
    [[nodiscard]] bool exists() const;
    /// Fills the state of a machine that never ran, which a QEMU that waits may have already. False if there is none for a machine
    /// of so much memory; one that is damaged is removed, and the state is of no use then. Throws LabError if this computer has no
    /// memory for it.
    [[nodiscard]] bool load(MachineState& blank) const;
    /// Keeps the state of a machine that stands still, in place of what was there. Throws LabError, and then leaves
    /// nothing of it.
    void keep(const MachineState& state) const;
    void forget() const;

    /// That a machine restored from it passed check_rig().
    [[nodiscard]] bool known_fit() const;
    void remember_fit() const;

  private:
    void make_room(std::uint64_t bytes) const;

    std::filesystem::path directory_, file_, fit_;
    std::string key_;
    std::uint64_t most_bytes_;
};

}  // namespace landfall
