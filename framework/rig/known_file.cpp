#include "rig/known_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "landfall/checker.hpp"
#include "landfall/scenario.hpp"
#include "rig/paths.hpp"
#include "rig/yaml.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

std::optional<KernelRelease> release(const Yaml& top, const char* key) {
    const auto node = top.find(key);
    if (!node) return std::nullopt;
    const auto parsed = KernelRelease::parse(node->text());
    if (!parsed) node->fail("a kernel release such as \"6.12\"");
    return parsed;
}

std::vector<std::string> rule_ids(const Yaml& list) {
    std::vector<std::string> known;
    for (auto& rule : rules()) known.push_back(std::move(rule.id));
    auto ids = list.words();
    for (const auto& id : ids)
        if (std::ranges::find(known, id) == known.end())
            list.fail(fmt::format("rules of: {}", fmt::join(known, ", ")));
    return ids;
}

}  // namespace

Known load_known_file(const std::string& path) { return read_known(*open_text(path), path); }

Known read_known(std::istream& in, const std::string& file) {
    const auto top = Yaml::read(in, file);
    top.keys({"rules", "since", "until", "iommu", "behind-bridge", "access", "says", "feature", "engine", "reference", "text"});
    Known k;
    k.rules = rule_ids(top.at("rules"));
    k.since = release(top, "since");
    k.until = release(top, "until");
    if (const auto iommu = top.find("iommu")) k.iommus = iommu->words();
    if (const auto bridge = top.find("behind-bridge")) {
        const auto word = bridge->text();
        if (word != "true" && word != "false") bridge->fail("true or false");
        k.needs_alias = word == "true";
    }
    if (const auto access = top.find("access")) {
        k.access = Access::parse(access->text());
        if (!k.access || *k.access == Access{true, true}) access->fail("r or w");
    }
    if (const auto says = top.find("says")) k.says = says->text();
    if (const auto feature = top.find("feature")) k.feature = feature->text();
    if (const auto engine = top.find("engine")) k.engine = engine->text();
    k.reference = top.at("reference").text();
    k.text = top.at("text").text();
    return k;
}

std::vector<Known> load_known() {
    std::vector<fs::path> paths;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(fixtures_dir() / "known", none))
        if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
    std::ranges::sort(paths);
    std::vector<Known> out;
    for (const auto& path : paths) out.push_back(load_known_file(path));
    return out;
}

}  // namespace landfall
