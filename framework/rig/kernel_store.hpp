// Kernels by name or path: built once, kept in the user's cache, found again by what they were made of.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rig/kernel_definition.hpp"

namespace landfall {

using KernelLog = std::function<void(const std::string&)>;

/// A kernel ready to boot. QEMU starts a vmlinux of x86 faster than a bzImage; one of the two may be empty.
struct KernelImage {
    std::string name;
    std::string image;    ///< what a boot loader is given: a bzImage, an Image
    std::string vmlinux;
    std::string release;  ///< "6.12.95"; empty if a file of the user's does not say
    std::string source;   ///< what it was made from: package and version, or a path
    std::vector<std::filesystem::path> modules{};  ///< what a guest has to load, in this order; empty if all is built in
    const Arch* arch = &default_arch();
};

/// "6.12" (a file of fixtures/kernels), a definition's .yaml, a bzImage, an Image, a vmlinux, or the top of a source
/// tree, which is built for `arch` with the configuration of fixtures/kernels/lab.config, out of tree, and again
/// whenever it changed.
///
/// Builds what is missing: one process at a time, others wait. Safe to kill: nothing unfinished is ever taken
/// for a kernel, and the next call goes on where this one stopped. Throws TextError for a name that means
/// nothing or a broken definition, LabError if it cannot be built.
[[nodiscard]] KernelImage find_kernel(const std::string& name_or_path, const KernelLog& log = {},
                                      const Arch& arch = default_arch());

/// As find_kernel(), but looks whether Debian has a newer source first, and builds that.
[[nodiscard]] KernelImage refresh_kernel(const std::string& name_or_path, const KernelLog& log = {});

/// The image if it is there already; touches nothing.
[[nodiscard]] std::optional<KernelImage> cached_kernel(const KernelDefinition& definition);

/// Where it all lies, for doctor and for people who want their disk back.
[[nodiscard]] std::string kernel_cache_dir();

}  // namespace landfall
