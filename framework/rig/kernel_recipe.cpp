#include "rig/kernel_recipe.hpp"

#include <fmt/format.h>

#include "os/files.hpp"

namespace landfall {

std::string hash_str(const std::string& text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return fmt::format("{:016x}", hash);
}

KernelRecipe kernel_recipe(const KernelDefinition& d, const std::string& toolchain, const std::string& base) {
    std::string text = fmt::format("landfall kernel 2\ntoolchain {}\n", toolchain);
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
