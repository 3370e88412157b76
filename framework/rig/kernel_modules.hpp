// The modules a guest loads before it can do anything: out of the tree of a kernel's package, in the order in which they can
// be loaded.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall {

/// What a guest needs of its kernel, built in or as a module: the way to its controller, and VFIO.
inline constexpr const char* kNeededModules[] = {"virtio_pci", "virtio_console", "vfio_iommu_type1", "vfio_pci"};
/// And what it takes where there is such a thing.
inline constexpr const char* kUsefulModules[] = {"virtio_iommu"};

/// What the kernel calls the module in this file: vfio_pci_core for "vfio-pci-core.ko.xz". Empty if it is no module's file.
[[nodiscard]] std::string module_name(const std::filesystem::path& file);

/// The modules this one names as those it depends on. `file` is its content.
[[nodiscard]] std::vector<std::string> module_depends(std::string_view file);

/// The wanted modules and all they depend on, each behind those it needs itself. `depends` is asked once for each, and says
/// nullopt for one that is no file: it is left out.
[[nodiscard]] std::vector<std::string> load_order(
    const std::vector<std::string>& wanted,
    const std::function<std::optional<std::vector<std::string>>(const std::string&)>& depends);

/// Takes what a guest needs from `tree` (lib/modules/RELEASE of a package, without modules.dep) into `folder`, unpacked, as
/// NN-NAME.ko in load order. Throws LabError if the kernel has not what is needed.
void take_modules(const std::filesystem::path& tree, const std::filesystem::path& folder);

/// What take_modules() left there, in load order.
[[nodiscard]] std::vector<std::filesystem::path> taken_modules(const std::filesystem::path& folder);

}  // namespace landfall
