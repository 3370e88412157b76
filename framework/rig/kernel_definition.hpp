// What a file of fixtures/kernels says: a Debian source package with our configuration, or a base with
// patches.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

namespace landfall {

struct KernelDefinition {
    std::string path, name, title;
    std::string package, suite;  ///< of a kernel with a source of its own
    std::string base;            ///< of a mutant: the definition it changes
    std::vector<std::filesystem::path> fragments, patches;
};

/// Finds "6.12" in fixtures/kernels, or takes the path of a .yaml file. Throws TextError with
/// file:line:column.
[[nodiscard]] KernelDefinition load_kernel_definition(const std::string& name_or_path);
/// The same from a text. What it names must lie beside `path`.
[[nodiscard]] KernelDefinition read_kernel_definition(std::istream& in, const std::filesystem::path& path);
/// Every definition that ships, by name.
[[nodiscard]] std::vector<KernelDefinition> list_kernel_definitions();
/// Whether a kernel of this name ships.
[[nodiscard]] bool kernel_definition_exists(const std::string& name);

}  // namespace landfall
