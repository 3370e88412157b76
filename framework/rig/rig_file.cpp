// Reads rig files. docs/rigs.md is the prose to this file.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "landfall/error.hpp"
#include "landfall/scenario.hpp"
#include "rig/machine.hpp"
#include "rig/paths.hpp"
#include "rig/rig.hpp"
#include "rig/rig_devices.hpp"
#include "rig/yaml.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

/// `iommu: vtd`, or `iommu: { model: vtd, properties: { aw-bits: 39 } }`.
const IommuKind& read_iommu(const Yaml& node, RigFile& rig) {
    if (node.is_map()) {
        node.keys({"model", "properties"});
        if (const auto properties = node.find("properties")) rig.iommu_properties = properties_of(*properties);
    }
    const Yaml label = node.is_map() ? node.at("model") : node;
    rig.iommu = label.text();
    const IommuKind* kind = find_iommu(rig.iommu);
    if (kind == nullptr) label.fail("an IOMMU: " + join_words(iommu_labels()));
    if (kind->device == nullptr && node.is_map()) node.fail("its name alone: QEMU takes no properties for it");
    return *kind;
}

void read_api(const Yaml& top, RigFile& rig) {
    const auto api = top.find("api");
    if (!api) return;
    rig.api = parse_api(api->text());
    if (!rig.api) api->fail("iommufd, type1 or compat");
}

void read_machine(const Yaml& top, RigFile& rig) {
    top.keys({"title", "kind", "kernel", "kernel-args", "api", "memory", "cpus", "iommu", "devices", "groups"});
    read_api(top, rig);
    rig.kernel = top.at("kernel").text();
    if (const auto args = top.find("kernel-args")) rig.kernel_args = args->words();
    const unsigned first_slot = read_iommu(top.at("iommu"), rig).first_slot;
    if (const auto memory = top.find("memory"))
        rig.memory_mib = static_cast<unsigned>(memory->mebibytes(128, arch_of(rig).most_memory_mib));
    if (const auto cpus = top.find("cpus")) rig.cpus = static_cast<unsigned>(cpus->number(1, 8));
    read_devices(top.at("devices"), first_slot, rig);
    if (rig.functions.empty()) top.at("devices").fail("a device with a name");
}

constexpr unsigned kMaxVf = 255;

void read_local(const Yaml& top, RigFile& rig) {
    top.keys({"title", "kind", "api", "functions", "groups"});
    read_api(top, rig);
    for (const auto& [name, node] : top.at("functions").pairs()) {
        // An address, or with more to say about it a map.
        const bool more = node.is_map();
        if (more) node.keys({"at", "scratch", "vf"});
        const Yaml place = more ? node.at("at") : node;
        const auto bdf = Bdf::parse(place.text());
        if (!bdf) place.fail("an address, as 0000:00:08.0");
        const auto scratch = more ? node.find("scratch") : std::nullopt;
        RigFunction f{function_name(name), *bdf, {}, std::nullopt, 0, scratch && scratch->flag()};
        if (const auto vf = more ? node.find("vf") : std::nullopt) f.vf = static_cast<unsigned>(vf->number(0, kMaxVf));
        for (const RigFunction& other : rig.functions) {
            if (other.place() == f.place()) place.fail("a function no other name stands for");
            // A physical function works for its virtual functions.
            if (other.bdf == f.bdf && other.vf.has_value() != f.vf.has_value())
                place.fail("a function or virtual functions of it, not both");
        }
        rig.functions.push_back(std::move(f));
    }
    if (rig.functions.empty()) top.at("functions").fail("a function with a name");
}

constexpr unsigned kMaxSimFunctions = 7, kSimUnits = 4;

void read_sim(const Yaml& top, RigFile& rig) {
    top.keys({"title", "kind", "functions", "groups"});
    rig.iommu = "sim";
    const auto bdf_of = [](const Yaml& node) {
        const auto bdf = Bdf::parse(node.text());
        if (!bdf) node.fail("an address, as 0000:00:08.0");
        return *bdf;
    };
    const Yaml functions = top.at("functions");
    for (const auto& [name, node] : functions.pairs()) {
        node.keys({"at", "alias", "unit"});
        RigFunction f{function_name(name), bdf_of(node.at("at")), "sim", std::nullopt, 0};
        if (const auto alias = node.find("alias")) f.alias = bdf_of(*alias);
        if (const auto unit = node.find("unit")) f.unit = static_cast<unsigned>(unit->number(0, kSimUnits - 1));
        for (const RigFunction& other : rig.functions)
            if (other.bdf == f.bdf) node.at("at").fail("an address no other function has");
        rig.functions.push_back(std::move(f));
    }
    if (rig.functions.empty() || rig.functions.size() > kMaxSimFunctions)
        functions.fail(fmt::format("1 to {} functions", kMaxSimFunctions));
}

void read_groups(const Yaml& groups, RigFile& rig) {
    std::set<std::string> seen;
    for (const Yaml& group : groups.list()) {
        auto& names = rig.groups.emplace_back();
        for (const Yaml& name : group.list()) {
            names.push_back(name.text());
            const bool known = std::any_of(rig.functions.begin(), rig.functions.end(),
                                           [&](const RigFunction& f) { return f.name == names.back(); });
            if (!known) name.fail("the name of a function of this rig");
            if (!seen.insert(names.back()).second) name.fail("each name in one group only");
        }
    }
    for (const RigFunction& f : rig.functions) {
        if (!seen.contains(f.name)) groups.fail(fmt::format("a group that '{}' is in", f.name));
    }
}

std::vector<fs::path> shipped() {
    std::vector<fs::path> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(fixtures_dir() / "rigs", error)) {
        if (entry.path().extension() == ".yaml") out.push_back(entry.path());
    }
    if (error)
        throw LabError(fmt::format("{}: {}", (fixtures_dir() / "rigs").string(), error.message()),
                       "set LANDFALL_FIXTURES to the fixtures folder of Landfall");
    std::sort(out.begin(), out.end(),
              [](const fs::path& a, const fs::path& b) { return a.stem() < b.stem(); });
    return out;
}

std::string resolve(const std::string& name_or_path) {
    if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".yaml")) return name_or_path;
    std::vector<std::string> names;
    for (const auto& path : shipped()) {
        names.push_back(path.stem());
        if (names.back() == name_or_path) return path;
    }
    throw TextError({"rig", 0, 0}, name_or_path, "a rig file, or one of: " + join_words(names));
}

}  // namespace

RigFile load_rig(const std::string& name_or_path) {
    const auto path = resolve(name_or_path);
    return read_rig(*open_text(path), path);
}

RigFile read_rig(std::istream& in, const std::string& path) {
    RigFile rig;
    rig.path = path;
    rig.name = fs::path(rig.path).stem();
    const Yaml top = Yaml::read(in, path);
    rig.title = top.at("title").text();
    const Yaml kind = top.at("kind");
    if (kind.text() == "qemu") {
        read_machine(top, rig);
    } else if (kind.text() == "local") {
        rig.kind = RigFile::Kind::local;
        read_local(top, rig);
    } else if (kind.text() == "sim") {
        rig.kind = RigFile::Kind::sim;
        read_sim(top, rig);
    } else {
        kind.fail("qemu, local or sim");
    }
    read_groups(top.at("groups"), rig);
    return rig;
}

std::vector<RigFile> list_rigs() {
    std::vector<RigFile> out;
    for (const auto& path : shipped()) out.push_back(load_rig(path));
    return out;
}

}  // namespace landfall
