// Recognising the kernels a user points at.
#pragma once

#include <optional>
#include <string>

namespace landfall {

/// A kernel QEMU can start, as found on disk.
struct KernelFile {
    enum class Kind { bzimage, image, vmlinux } kind{};
    std::string release;  ///< "6.12.95"; empty if the file does not say
    std::string arch = "x86_64";  ///< a label of arch_labels()
};

/// nullopt: neither a bzImage (boot protocol, Documentation/arch/x86/boot.rst), nor an Image of aarch64
/// (Documentation/arch/arm64/booting.rst), nor an ELF file of one of both. Throws
/// LabError if it cannot be read.
[[nodiscard]] std::optional<KernelFile> inspect_kernel_file(const std::string& path);

/// Whether this folder is the top of a Linux source tree.
[[nodiscard]] bool is_kernel_tree(const std::string& path);

}  // namespace landfall
