// A recorded run as a directory that holds all that is needed to do it again, on this computer or another.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "os/fd.hpp"
#include "os/keeper.hpp"
#include "rig/rig.hpp"

namespace landfall {

/// Names of the files of a recording.
struct RecordingFiles {
    static constexpr const char* kManifest = "manifest.json";  ///< written last: without it a directory is no recording
    static constexpr const char* kLog = "qemu.log";            ///< QEMU's record/replay log
    static constexpr const char* kKernel = "kernel";
    static constexpr const char* kInitramfs = "initramfs";
    static constexpr const char* kRig = "rig.yaml";
    static constexpr const char* kScenario = "scenario.scn";
    static constexpr const char* kTrace = "run.trace";
    static constexpr const char* kConsole = "run.console";
};

/// A search of all memory for the witness: the machine stood still.
struct RecordedSearch {
    std::uint64_t instruction = 0;  ///< how many the machine had executed
    std::string found;              ///< print_found()
};

/// What is recorded beside the files.
struct Manifest {
    std::string rig;                      ///< its name
    std::string scenario;                 ///< as its trace calls it
    std::string kernel;                   ///< what it was called; for people
    std::string kernel_args;              ///< RigOptions::kernel_args
    std::optional<Api> api;               ///< RigOptions::api
    std::string emulator;                 ///< Qmp::version()
    std::vector<std::string> arguments;   ///< comparable_arguments()
    std::vector<RecordedSearch> searches;
};

/// A recording while it grows. Unless it is completed nothing of it is left, whatever ends this process.
class NewRecording {
  public:
    /// Throws TextError for a directory that has files in it, LabError for one that cannot be made.
    explicit NewRecording(const std::filesystem::path& directory);

    /// Where QEMU is to write its log.
    [[nodiscard]] const Fd& log() const { return log_; }
    /// Throw LabError.
    void put(const char* name, std::string_view text) const;
    void copy(const char* name, int from) const;
    /// The files are all there. Throws LabError if one is not, or QEMU did not finish its log.
    void complete(const Manifest& manifest);

  private:
    std::filesystem::path directory_;
    std::optional<Keeper> keeper_;
    Fd log_;
};

/// A recording that is complete.
class Recording {
  public:
    /// Throws LabError, which says what is missing or not as it was written.
    explicit Recording(std::filesystem::path directory);

    [[nodiscard]] const Manifest& manifest() const { return manifest_; }
    [[nodiscard]] std::filesystem::path file(const char* name) const { return directory_ / name; }
    /// For reading. Throws LabError.
    [[nodiscard]] Fd open(const char* name) const;

  private:
    std::filesystem::path directory_;
    Manifest manifest_;
};

}  // namespace landfall
