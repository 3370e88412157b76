#include "rig/kernel_modules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "os/files.hpp"
#include "rig/elf.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

using FilesByName = std::map<std::string, fs::path>;

FilesByName module_files(const fs::path& tree) {
    FilesByName out;
    for (const auto& entry : fs::recursive_directory_iterator(tree / "kernel"))
        if (auto name = module_name(entry.path()); !name.empty()) out.emplace(std::move(name), entry.path());
    return out;
}

// modules.builtin: one path a line, as "kernel/drivers/virtio/virtio_pci.ko" (Documentation/kbuild/kbuild.rst).
std::set<std::string> built_in(const fs::path& tree) {
    std::set<std::string> out;
    std::istringstream lines(read_file(tree / "modules.builtin"));
    for (std::string line; std::getline(lines, line);) out.insert(module_name(line));
    return out;
}

/// The module as it is loaded, in `folder`.
fs::path unpacked(const fs::path& file, const fs::path& folder) {
    const auto copy = folder / file.filename();
    fs::copy_file(file, copy, fs::copy_options::overwrite_existing);
    if (copy.extension() == ".ko") return copy;
    const auto done = run_command({"xz", "--decompress", "--force", copy.string()});
    if (!done.ok()) throw LabError(fmt::format("cannot unpack {}: {}", file.string(), done.output));
    return folder / copy.stem();
}

}  // namespace

std::string module_name(const fs::path& file) {
    auto name = file.filename().string();
    const auto end = name.find(".ko");
    const auto rest = end == std::string::npos ? "" : name.substr(end);
    if (rest != ".ko" && rest != ".ko.xz") return {};
    name.resize(end);
    std::ranges::replace(name, '-', '_');
    return name;
}

// .modinfo is KEY=VALUE texts, each with a zero behind it (include/linux/moduleparam.h, __MODULE_INFO).
std::vector<std::string> module_depends(std::string_view file) {
    constexpr std::string_view kKey = "depends=";
    std::vector<std::string> out;
    std::istringstream entries{std::string(section(file, ".modinfo"))};
    for (std::string entry; std::getline(entries, entry, '\0');) {
        if (!entry.starts_with(kKey)) continue;
        std::istringstream names(entry.substr(kKey.size()));
        for (std::string name; std::getline(names, name, ',');) out.push_back(module_name(name + ".ko"));
    }
    return out;
}

std::vector<std::string> load_order(
    const std::vector<std::string>& wanted,
    const std::function<std::optional<std::vector<std::string>>(const std::string&)>& depends) {
    std::vector<std::string> out;
    std::set<std::string> seen;
    const std::function<void(const std::string&)> add = [&](const std::string& name) {
        if (!seen.insert(name).second) return;
        const auto needs = depends(name);
        if (!needs) return;
        for (const auto& other : *needs) add(other);
        out.push_back(name);
    };
    for (const auto& name : wanted) add(name);
    return out;
}

void take_modules(const fs::path& tree, const fs::path& folder) {
    const auto files = module_files(tree);
    const auto builtin = built_in(tree);
    std::vector<std::string> wanted;
    for (const std::string name : kNeededModules) {
        if (!files.contains(name) && !builtin.contains(name))
            throw LabError(fmt::format("the kernel of {} has no {}", tree.string(), name));
        wanted.push_back(name);
    }
    wanted.insert(wanted.end(), std::begin(kUsefulModules), std::end(kUsefulModules));
    fs::create_directories(folder);
    const auto order = load_order(wanted, [&](const std::string& name) -> std::optional<std::vector<std::string>> {
        const auto file = files.find(name);
        if (file == files.end()) return std::nullopt;
        return module_depends(FileBytes(unpacked(file->second, folder)).text());
    });
    for (std::size_t i = 0; i < order.size(); ++i) {
        auto plain = files.at(order[i]).filename();
        if (plain.extension() != ".ko") plain = plain.stem();
        fs::rename(folder / plain, folder / fmt::format("{:02}-{}.ko", i, order[i]));
    }
}

std::vector<fs::path> taken_modules(const fs::path& folder) {
    std::vector<fs::path> out;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none)) out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
}

}  // namespace landfall
