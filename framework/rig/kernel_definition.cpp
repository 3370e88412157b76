#include "rig/kernel_definition.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "landfall/checker.hpp"
#include "landfall/error.hpp"
#include "landfall/scenario.hpp"
#include "rig/paths.hpp"
#include "rig/yaml.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> yaml_files(const fs::path& dir, std::error_code& error) {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(dir, error)) {
        if (entry.path().extension() == ".yaml") out.push_back(entry.path());
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<fs::path> shipped() {
    const fs::path dir = fixtures_dir() / "kernels";
    std::error_code error, no_mutants;
    auto out = yaml_files(dir, error);
    if (error) {
        throw LabError(fmt::format("{}: {}", dir.string(), error.message()),
                       "set LANDFALL_FIXTURES to the fixtures folder of Landfall");
    }
    std::ranges::move(yaml_files(dir / "mutants", no_mutants), std::back_inserter(out));
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

/// A word that is the name of a file fixtures/FOLDER/NAME.EXTENSION.
std::string fixture(const Yaml& node, const char* folder, const char* extension, const char* what) {
    const std::string name = node.text();
    if (name.find('/') != std::string::npos ||
        !fs::is_regular_file(fixtures_dir() / folder / (name + extension)))
        node.fail(what);
    return name;
}

CaughtBy caught_by(const Yaml& node) {
    node.keys({"scenario", "rig", "rule"});
    const Yaml rule = node.at("rule");
    const auto known = rules();
    if (std::ranges::find(known, rule.text(), &RuleInfo::id) == known.end())
        rule.fail("a rule of the checker");
    return {fixture(node.at("scenario"), "scenarios", ".scn", "the name of a scenario in fixtures/scenarios"),
            fixture(node.at("rig"), "rigs", ".yaml", "the name of a rig in fixtures/rigs"), rule.text()};
}

/// What becomes part of a package request must not be able to say anything else to apt.
std::string debian_name(const Yaml& node, const char* what) {
    const std::string text = node.text();
    const bool clean = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.+-") == std::string::npos;
    if (!clean || text.front() == '-') node.fail(what);
    return text;
}

const Arch& architecture(const Yaml& node) {
    const Arch* arch = find_arch(node.text());
    if (arch == nullptr) node.fail(fmt::format("an architecture: {}", fmt::join(arch_labels(), ", ")));
    return *arch;
}

std::string debian_suite(const Yaml& top) {
    return debian_name(top.at("suite"), "a Debian suite, as bookworm-backports");
}

}  // namespace

KernelDefinition load_kernel_definition(const std::string& name_or_path) {
    const auto path = resolve(name_or_path);
    return read_kernel_definition(*open_text(path), path);
}

KernelDefinition read_kernel_definition(std::istream& in, const fs::path& path) {
    const Yaml top = Yaml::read(in, path);
    top.keys({"title", "package", "suite", "arch", "image", "base", "fragments", "patches", "caught-by"});
    KernelDefinition d;
    d.path = path;
    d.name = path.stem();
    d.title = top.at("title").text();
    if (const auto image = top.find("image")) {
        for (const char* key : {"package", "arch", "base", "fragments", "patches", "caught-by"})
            if (const auto other = top.find(key)) other->fail(fmt::format("no {} beside an image, which is as it is", key));
        d.image = debian_name(*image, "a Debian package of a kernel, as linux-image-amd64");
        d.suite = debian_suite(top);
        return d;
    }
    d.fragments = files(top, "fragments", path.parent_path());
    d.patches = files(top, "patches", path.parent_path());
    if (const auto base = top.find("base")) {
        if (const auto package = top.find("package")) package->fail("no package beside a base");
        if (const auto suite = top.find("suite")) suite->fail("no suite beside a base");
        if (const auto arch = top.find("arch")) arch->fail("no arch beside a base");
        d.base = base->text();
        if (!kernel_definition_exists(d.base)) base->fail("the name of a kernel");
        const auto below = load_kernel_definition(d.base);
        if (below.package.empty()) base->fail("a kernel with a source of its own");
        d.arch = below.arch;
        if (const auto caught = top.find("caught-by"))
            for (const Yaml& node : caught->list()) d.caught_by.push_back(caught_by(node));
        return d;
    }
    if (const auto caught = top.find("caught-by")) caught->fail("a base, for something to be wrong with");
    d.package = debian_name(top.at("package"), "a Debian source package, as linux-source-6.12");
    d.suite = debian_suite(top);
    if (const auto arch = top.find("arch")) d.arch = &architecture(*arch);
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
