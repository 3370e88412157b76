// What a kernel image depends on, as text, and the name of its place in the cache.
#pragma once

#include <string>

#include "rig/kernel_definition.hpp"

namespace landfall {

/// Equal recipes give equal kernels; the version of the source package is the one thing left out of a base's,
/// so that a kernel once built is good until somebody asks for a newer source.
struct KernelRecipe {
    std::string text;
    std::string key;  ///< the name and a hash of the text: "6.12-0123456789abcdef"
};

/// `base`: for a mutant, the key and the source version of the image it was made from; empty for a base.
[[nodiscard]] KernelRecipe kernel_recipe(const KernelDefinition& definition, const std::string& toolchain,
                                         const std::string& base);

/// FNV-1a, 64 bits. It only names folders: whoever looks there compares the recipe in full.
[[nodiscard]] std::string hash_str(const std::string& text);

}  // namespace landfall
