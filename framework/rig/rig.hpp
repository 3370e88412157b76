// A rig: a machine and how to get it. Loading a rig file touches nothing; starting it owns a machine until
// destroyed.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "landfall/api.hpp"
#include "landfall/line.hpp"

namespace landfall {

/// One function the lab may touch, and the name scenarios know it by.
struct RigFunction {
    std::string name;  ///< a, b, c ...
    Bdf bdf;
    std::string engine;  ///< edu, igb, igbvf, nvme
    std::optional<Bdf> alias{};  ///< sim: the requester id its DMA carries instead of its own
    unsigned unit = 0;           ///< sim: which IOMMU unit stands before it
    bool scratch = false;        ///< what it stores may be overwritten: the rig made it, or its file says so
    std::optional<unsigned> vf{};  ///< it is this virtual function of `bdf`, made for each session
    /// "0000:00:08.0", or "0000:01:00.0/virtfn0": the address of a virtual function is known once it is made.
    [[nodiscard]] std::string place() const;
};

/// What a rig file says. docs/rigs.md is its prose.
struct RigFile {
    std::string path, name, title;
    enum class Kind { qemu, local, sim } kind = Kind::qemu;
    std::string kernel;                    ///< qemu: name of a file in fixtures/kernels
    std::vector<std::string> kernel_args;  ///< added to the command line the rig itself needs
    std::optional<Api> api;                ///< not sim; nullopt: iommufd where the kernel has it, else type1
    std::string iommu;                     ///< qemu: a label of iommu_labels(); sim: "sim"
    std::string iommu_properties;          ///< of QEMU's device, each with a comma in front
    std::vector<std::string>
        qemu_args;  ///< the machine's devices, made from `iommu` and `devices` of the file
    unsigned memory_mib = 512, cpus = 1;
    unsigned disks = 0;  ///< qemu: how many devices store things; each gets a disk that goes with the machine
    std::vector<RigFunction> functions;
    std::vector<std::vector<std::string>> groups;  ///< names that must come out in one iommu_group each
};

/// Finds "edu-pair-vtd" in fixtures/rigs, or takes a path. Throws TextError with file:line:column.
[[nodiscard]] RigFile load_rig(const std::string& name_or_path);
/// The same from a text; `path` is for messages, and the rig's name is its stem.
[[nodiscard]] RigFile read_rig(std::istream& in, const std::string& path);
/// Every rig file that ships, by name. Broken ones throw as load_rig does.
[[nodiscard]] std::vector<RigFile> list_rigs();

struct RigOptions {
    std::string kernel;       ///< overrides the rig's: a bzImage/vmlinux path or a kernel name
    std::string kernel_args;  ///< added behind the rig's
    std::optional<Api> api;   ///< overrides the rig's
    bool boot = false;        ///< boot, though there may be a snapshot; and make none
    std::vector<std::filesystem::path> carry;  ///< qemu: files the guest has at the same places, programs with their libraries
    std::function<void(const std::string&)> log;   ///< progress, one line each; may be empty
    std::uint64_t seed = 1;               ///< sim: which history
    std::vector<std::string> faults;      ///< sim: what it gets wrong on purpose
    std::chrono::milliseconds step_limit{10'000};  ///< longest a step may take, beside what it says itself
};

/// A conversation with `landfall exec` on the rig: one scenario's worth.
class Session {
  public:
    using OnLine = std::function<void(const Line&)>;
    virtual ~Session() = default;
    /// The head of the trace: facts as exec reported them.
    [[nodiscard]] virtual const std::vector<Line>& head() const = 0;
    /// Carries out a block: one step, or consecutive steps of several lanes. Each comes back to `on_line` with times and
    /// outcome as it ends, events in between in the order they were reported. Throws RigDied when the rig is lost or
    /// the block's limit passed.
    virtual void run(std::span<const Line> steps, const OnLine& on_line) = 0;
    /// A block of one step; returns it with times and outcome. `on_event` may be empty.
    [[nodiscard]] Line step(const Line& step, const OnLine& on_event);
    /// Ends the scenario: late events, then the `end` line. After it the session is spent.
    virtual void finish(const OnLine& on_line) = 0;
};

/// The rig is gone in the middle of things. `kernel_died`: the guest's kernel said so itself (panic, oops),
/// which is a finding; otherwise the lab is to blame. `console` holds the last lines, never empty if there
/// were any.
class RigDied : public std::runtime_error {
  public:
    RigDied(const std::string& what, bool kernel_died, std::string console)
        : std::runtime_error(what), kernel_died_(kernel_died), console_(std::move(console)) {}
    [[nodiscard]] bool kernel_died() const { return kernel_died_; }
    [[nodiscard]] const std::string& console() const { return console_; }

  private:
    bool kernel_died_;
    std::string console_;
};

class Rig {
  public:
    virtual ~Rig() = default;
    [[nodiscard]] virtual const RigFile& file() const = 0;
    /// Starts `landfall exec` with the named devices of the rig file bound (all of them if empty).
    /// Throws LabError if a name is not in the rig file.
    [[nodiscard]] virtual std::unique_ptr<Session> session(const std::vector<std::string>& devices) = 0;
    /// One with all devices, for which nothing of an earlier one has to be undone, since there was none.
    [[nodiscard]] virtual std::unique_ptr<Session> first_session() { return session({}); }
    /// Everything the console has said so far.
    [[nodiscard]] virtual std::string console() const = 0;
    /// A machine in exactly the state in which this one started passed check_rig() before.
    [[nodiscard]] virtual bool known_fit() const { return false; }
    /// This one did.
    virtual void found_fit() {}
};

/// The functions of a rig file with these names, all of them for none. Throws LabError for a name it does not
/// have.
[[nodiscard]] std::vector<RigFunction> chosen_functions(const RigFile& file,
                                                        const std::vector<std::string>& names);

/// "iommufd", "type1", "compat", or nothing. Throws TextError that names `option` for any other word.
[[nodiscard]] std::optional<Api> api_named(const std::string& word, const std::string& option);

/// What the rig's address spaces are to be driven by; nullopt: exec decides by what its kernel has.
[[nodiscard]] inline std::optional<Api> chosen_api(const RigFile& file, const RigOptions& options) {
    return options.api ? options.api : file.api;
}

/// How `landfall exec` is told of a function: NAME=BDF, with ",scratch" behind it.
[[nodiscard]] std::string device_argument(const RigFunction& function);

/// Gets the machine and waits until it answers: restored from a snapshot if there is one, else booted. Throws TextError for options
/// that such a rig does not have, LabError otherwise (no QEMU, no kernel, did not boot; with the console's last lines). Whatever
/// ends this process, nothing of the machine is left behind.
[[nodiscard]] std::unique_ptr<Rig> start_rig(const RigFile& file, const RigOptions& options = {});

/// What a rig must show before its verdicts mean anything: the groups of its file, and an IOMMU that really
/// stands in the way of every named function. Returns one line a problem; empty if fit.
[[nodiscard]] std::vector<std::string> check_rig(Rig& rig);

}  // namespace landfall
