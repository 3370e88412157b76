// What a file of fixtures/kernels says: a Debian source package with our configuration, a base with
// patches, or a Debian kernel as it is. Those with a bug planted on purpose lie in fixtures/kernels/mutants.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "rig/arch.hpp"

namespace landfall {

/// What must find the bug of a mutant: a scenario that ships, on a rig that ships, by a rule of the checker.
struct CaughtBy {
    std::string scenario, rig, rule;
};

struct KernelDefinition {
    std::string path, name, title;
    std::string package, suite;  ///< of a kernel with a source of its own
    std::string image;           ///< of a kernel as it is: a binary package, of `suite` too
    const Arch* arch = &default_arch();  ///< of a mutant: its base's
    std::string base;            ///< of a mutant: the definition it changes
    std::vector<std::filesystem::path> fragments, patches;
    std::vector<CaughtBy> caught_by;  ///< of a mutant; empty if nobody has said so
};

/// Finds "6.12" in fixtures/kernels or its folder mutants, or takes the path of a .yaml file. Throws
/// TextError with file:line:column.
[[nodiscard]] KernelDefinition load_kernel_definition(const std::string& name_or_path);
/// The same from a text. What it names must lie beside `path`.
[[nodiscard]] KernelDefinition read_kernel_definition(std::istream& in, const std::filesystem::path& path);
/// Every definition that ships: those with a source of their own by name, then the mutants by name.
[[nodiscard]] std::vector<KernelDefinition> list_kernel_definitions();
/// Whether a kernel of this name ships.
[[nodiscard]] bool kernel_definition_exists(const std::string& name);

}  // namespace landfall
