#include "rig/kernel_definition.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "landfall/error.hpp"
#include "landfall/scenario.hpp"
#include "rig/paths.hpp"
#include "rig/yaml.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> shipped() {
    std::vector<fs::path> out;
    const fs::path dir = fixtures_dir() / "kernels";
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(dir, error)) {
        if (entry.path().extension() == ".yaml") out.push_back(entry.path());
    }
    if (error) {
        throw LabError(fmt::format("{}: {}", dir.string(), error.message()),
                       "set LANDFALL_FIXTURES to the fixtures folder of Landfall");
    }
    std::sort(out.begin(), out.end());
    return out;
}

fs::path resolve(const std::string& name_or_path) {
    if (name_or_path.ends_with(".yaml")) return name_or_path;
    std::vector<std::string> names;
    for (const fs::path& path : shipped()) {
        names.push_back(path.stem());
        if (names.back() == name_or_path) return path;
    }
    throw TextError(
        {"kernel", 0, 0}, name_or_path,
        fmt::format("a bzImage, a vmlinux, a kernel source tree, or one of: {}", fmt::join(names, ", ")));
}

/// Files named in a definition lie beside it.
std::vector<fs::path> files(const Yaml& top, const char* key, const fs::path& dir) {
    std::vector<fs::path> out;
    const auto list = top.find(key);
    if (!list) return out;
    for (const Yaml& name : list->list()) {
        out.push_back(dir / name.text());
        if (!fs::is_regular_file(out.back())) name.fail("a file beside this one");
    }
    return out;
}

/// What becomes part of a package request must not be able to say anything else to apt.
std::string debian_name(const Yaml& node, const char* what) {
    const std::string text = node.text();
    const bool clean = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.+-") == std::string::npos;
    if (!clean || text.front() == '-') node.fail(what);
    return text;
}

}  // namespace

KernelDefinition load_kernel_definition(const std::string& name_or_path) {
    const auto path = resolve(name_or_path);
    return read_kernel_definition(*open_text(path), path);
}

KernelDefinition read_kernel_definition(std::istream& in, const fs::path& path) {
    const Yaml top = Yaml::read(in, path);
    top.keys({"title", "package", "suite", "base", "fragments", "patches"});
    KernelDefinition d;
    d.path = path;
    d.name = path.stem();
    d.title = top.at("title").text();
    d.fragments = files(top, "fragments", path.parent_path());
    d.patches = files(top, "patches", path.parent_path());
    if (const auto base = top.find("base")) {
        if (const auto package = top.find("package")) package->fail("no package beside a base");
        if (const auto suite = top.find("suite")) suite->fail("no suite beside a base");
        d.base = base->text();
        if (!kernel_definition_exists(d.base)) base->fail("the name of a kernel");
        if (!load_kernel_definition(d.base).base.empty()) base->fail("a kernel that has no base itself");
        return d;
    }
    d.package = debian_name(top.at("package"), "a Debian source package, as linux-source-6.12");
    d.suite = debian_name(top.at("suite"), "a Debian suite, as bookworm-backports");
    return d;
}

std::vector<KernelDefinition> list_kernel_definitions() {
    std::vector<KernelDefinition> out;
    for (const fs::path& path : shipped()) out.push_back(load_kernel_definition(path));
    return out;
}

bool kernel_definition_exists(const std::string& name) {
    const auto all = shipped();
    return std::any_of(all.begin(), all.end(), [&](const fs::path& path) { return path.stem() == name; });
}

}  // namespace landfall
