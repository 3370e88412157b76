// A kernel source tree and the folder its objects go to: configuring it, making it, taking out the images.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "rig/arch.hpp"

namespace landfall {

/// Debian packages a kernel build needs and this machine lacks.
[[nodiscard]] std::vector<std::string> missing_build_packages(const Arch& arch = default_arch());
/// What compiles kernels here, as it names itself; part of what an image depends on.
[[nodiscard]] std::string kernel_toolchain(const Arch& arch = default_arch());

struct KernelTree {
    std::string label;  ///< what people call it
    std::filesystem::path source, output;
    std::string local_version;  ///< appended to the release: "-unmap-without-flush"
    std::filesystem::path log_file;
    std::function<void(const std::string&)> log;
    int lock = -1;  ///< kept open by everything the build starts
    const Arch* arch = &default_arch();

    /// tinyconfig and the fragments; nothing if the tree has just that configuration. Throws LabError naming
    /// every symbol that did not come out as asked for.
    void configure(const std::vector<std::filesystem::path>& fragments) const;
    /// Brings image and vmlinux up to date. `full`: everything is compiled, so the progress is known.
    void build(bool full) const;
    /// Copies the image, the stripped vmlinux if QEMU boots one, configuration and release into an existing folder.
    void install(const std::filesystem::path& folder) const;

  private:
    void make(const std::vector<std::string>& targets, const std::function<void()>& on_object) const;
};

}  // namespace landfall
