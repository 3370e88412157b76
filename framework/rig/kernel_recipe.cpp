#include "rig/kernel_recipe.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "os/files.hpp"
#include "rig/kernel_modules.hpp"

namespace landfall {

std::string hash_str(const std::string& text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return fmt::format("{:016x}", hash);
}

KernelRecipe kernel_recipe(const KernelDefinition& d, const std::string& toolchain, const std::string& base) {
    if (!d.image.empty()) {
        const auto text = fmt::format("landfall kernel 2\nimage {} {}\nmodules {} {}\n", d.image, d.suite,
                                      fmt::join(kNeededModules, " "), fmt::join(kUsefulModules, " "));
        return {text, d.name + "-" + hash_str(text)};
    }
    std::string text = fmt::format("landfall kernel 2\ntoolchain {}\n", toolchain);
    // Not said of x86_64, so that kernels which were built before there was another are still found.
    if (d.arch != &default_arch()) text += fmt::format("arch {}\n", d.arch->label);
    text +=
        d.base.empty() ? fmt::format("package {} {}\n", d.package, d.suite) : fmt::format("base {}\n", base);
    const auto add = [&text](const char* kind, const std::filesystem::path& file) {
        const std::string content = read_file(file);
        text += fmt::format("{} {} bytes\n{}", kind, content.size(), content);
    };
    for (const auto& fragment : d.fragments) add("fragment", fragment);
    for (const auto& patch : d.patches) add("patch", patch);
    return {text, d.name + "-" + hash_str(text)};
}

}  // namespace landfall
