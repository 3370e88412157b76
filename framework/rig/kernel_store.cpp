// The cache, below ~/.cache/landfall/kernels:
//
//   images/NAME-HASH/  bzImage vmlinux config release source recipe: finished, put there by one rename; of a Debian kernel
//                      modules/ in place of vmlinux; of aarch64 Image in place of both
//   work/              the tree being built: source (hard links), landfall.tree (whose it is), obj/; always
//                      here, since a build records absolute paths and makes anew what moved
//   trees/NAME-HASH/   where a base's tree is kept, so that a mutant compiles only what it changes
//   sources/           unpacked packages
//   own/HASH/          objects and image of a source tree of the user's
//   logs/NAME.log      what make said
//   scratch/           unfinished things, emptied by the next builder
//   lock               held by whoever writes any of the others, and by every make it started
#include "rig/kernel_store.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <filesystem>
#include <map>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "os/file_lock.hpp"
#include "os/files.hpp"
#include "rig/kernel_file.hpp"
#include "rig/kernel_modules.hpp"
#include "rig/kernel_package.hpp"
#include "rig/kernel_recipe.hpp"
#include "rig/kernel_source.hpp"
#include "rig/kernel_tree.hpp"
#include "rig/paths.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using std::chrono::minutes;

constexpr auto kLongestBuild = minutes(120);
// In obj/, once make has succeeded; in a base's tree: its key, and the package it was made from.
constexpr const char *kBuilt = "landfall.built", *kTree = "landfall.tree";

void run(const std::vector<std::string>& argv, const fs::path& directory, const std::string& blame) {
    CommandOptions options;
    options.directory = directory.string();
    options.limit = minutes(10);
    const CommandResult result = run_command(argv, options);
    if (!result.ok()) throw LabError(fmt::format("{}\n{}", blame, result.output));
}

class KernelStore {
  public:
    explicit KernelStore(KernelLog log) : log_(std::move(log)), dir_(kernel_cache_dir()) {}

    std::optional<KernelImage> cached(const KernelDefinition& d) const;
    KernelImage get(const KernelDefinition& d, bool refresh);
    KernelImage own(const fs::path& tree, const Arch& arch);

  private:
    [[nodiscard]] KernelRecipe base_recipe(const KernelDefinition& d) const {
        return kernel_recipe(d, toolchain(*d.arch), "");
    }
    /// Asked once: a mutant's recipe and that of its base need the same.
    [[nodiscard]] const std::string& toolchain(const Arch& arch) const {
        auto& known = toolchains_[&arch];
        if (known.empty()) known = kernel_toolchain(arch);
        return known;
    }
    [[nodiscard]] KernelRecipe mutant_recipe(const KernelDefinition& d, const KernelImage& base) const;
    [[nodiscard]] std::optional<KernelImage> image(const KernelDefinition& d, const KernelRecipe& r) const;
    KernelImage build(const KernelDefinition& d, bool refresh, int lock);
    KernelImage fetch(const KernelDefinition& d);
    KernelImage build_base(const KernelDefinition& d, bool refresh, int lock);
    KernelImage build_mutant(const KernelDefinition& d, bool refresh, int lock);
    /// `fresh` holds what was made, and is put where the recipe's image is looked for.
    KernelImage publish(const KernelDefinition& d, const KernelRecipe& r, const fs::path& fresh,
                        const std::string& source);
    KernelImage publish(const KernelDefinition& d, const KernelRecipe& r, const KernelTree& tree,
                        const std::string& source);
    [[nodiscard]] fs::path fresh_image() const;
    void apply_patches(const KernelDefinition& d, const fs::path& tree) const;
    [[nodiscard]] KernelTree work_tree(const KernelDefinition& d, int lock) const;
    void put_away() const;
    void replace(const fs::path& folder, const fs::path& fresh) const;
    [[nodiscard]] fs::path kept(const std::string& key) const { return dir_ / "trees" / key; }
    [[nodiscard]] FileLock take_lock() const;
    static void require_tools(const Arch& arch);
    void prepare() const;
    /// For unfinished things of this process.
    [[nodiscard]] fs::path scratch() const { return dir_ / "scratch" / std::to_string(getpid()); }

    KernelLog log_;
    fs::path dir_;
    mutable std::map<const Arch*, std::string> toolchains_;
};

KernelRecipe KernelStore::mutant_recipe(const KernelDefinition& d, const KernelImage& base) const {
    const std::string folder = fs::path(base.image).parent_path().filename();
    return kernel_recipe(d, toolchain(*d.arch), folder + " " + base.source);
}

std::optional<KernelImage> KernelStore::image(const KernelDefinition& d, const KernelRecipe& r) const {
    const fs::path folder = dir_ / "images" / r.key;
    if (read_file(folder / "recipe") != r.text) return std::nullopt;
    return KernelImage{d.name,
                       folder / d.arch->image,
                       d.image.empty() && d.arch->boots_vmlinux ? folder / "vmlinux" : fs::path(),
                       read_first_line(folder / "release"),
                       read_first_line(folder / "source"),
                       taken_modules(folder / "modules"),
                       d.arch};
}

std::optional<KernelImage> KernelStore::cached(const KernelDefinition& d) const {
    if (d.base.empty()) return image(d, base_recipe(d));
    const KernelDefinition below = load_kernel_definition(d.base);
    const auto base = image(below, base_recipe(below));
    return base ? image(d, mutant_recipe(d, *base)) : std::nullopt;
}

KernelImage KernelStore::get(const KernelDefinition& d, bool refresh) {
    if (!refresh) {
        if (auto found = cached(d)) return *found;
    }
    const FileLock lock = take_lock();
    if (!refresh) {
        if (auto found = cached(d)) return *found;  // the one we waited for built it
    }
    if (d.image.empty()) require_tools(*d.arch);
    prepare();
    KernelImage built = build(d, refresh, lock.fd());
    fs::remove_all(scratch());
    return built;
}

FileLock KernelStore::take_lock() const {
    return FileLock(dir_ / "lock", kLongestBuild, [this](const std::string& holder) {
        if (log_) log_(fmt::format("another landfall (process {}) builds a kernel; waiting for it", holder));
    });
}

void KernelStore::require_tools(const Arch& arch) {
    const auto lacking = missing_build_packages(arch);
    if (!lacking.empty()) {
        std::string packages;
        for (const std::string& package : lacking) packages += " " + package;
        throw LabError("kernels cannot be built here: missing" + packages,
                       arch.cure != nullptr ? arch.cure : "apt-get install" + packages);
    }
}

void KernelStore::prepare() const {
    std::error_code later;  // what a killed builder started may still be writing; its folder goes next time
    fs::remove_all(dir_ / "scratch", later);
    fs::create_directories(scratch());
    for (const char* folder : {"images", "trees", "logs"}) fs::create_directories(dir_ / folder);
    put_away();
}

KernelImage KernelStore::build(const KernelDefinition& d, bool refresh, int lock) {
    fs::remove(dir_ / "logs" / (d.name + ".log"));
    if (!d.image.empty()) return fetch(d);
    return d.base.empty() ? build_base(d, refresh, lock) : build_mutant(d, refresh, lock);
}

KernelTree KernelStore::work_tree(const KernelDefinition& d, int lock) const {
    const fs::path work = dir_ / "work";
    return {d.name, work, work / "obj", d.base.empty() ? "" : "-" + d.name, dir_ / "logs" / (d.name + ".log"),
            log_,   lock, d.arch};
}

/// Keeps the tree of a base, finished or not; that of a mutant is made again in no time.
void KernelStore::put_away() const {
    const fs::path work = dir_ / "work";
    const std::string key = read_first_line(work / kTree);
    if (key.empty()) {
        fs::remove_all(work);
    } else {
        replace(kept(key), work);
    }
}

/// Killed at any point, this leaves a folder whole or not at all: what was there goes away elsewhere.
void KernelStore::replace(const fs::path& folder, const fs::path& fresh) const {
    const fs::path old = scratch() / "old";
    fs::remove_all(old);
    if (fs::exists(folder)) fs::rename(folder, old);
    fs::rename(fresh, folder);
}

KernelImage KernelStore::build_base(const KernelDefinition& d, bool refresh, int lock) {
    const KernelRecipe r = base_recipe(d);
    const KernelTree tree = work_tree(d, lock);
    const KernelSource source = kernel_source(dir_ / "sources", scratch(), d.package, d.suite, refresh, log_);
    const std::string made_from = d.package + " " + source.version, whose = r.key + "\n" + made_from + "\n";
    if (read_file(kept(r.key) / kTree) == whose) {
        fs::rename(kept(r.key), tree.source);
    } else {
        const fs::path fresh = scratch() / "tree";
        run({"cp", "-al", source.tree.string(), fresh.string()}, "/", "cannot link the kernel source");
        apply_patches(d, fresh);
        write_file(fresh / kTree, whose);
        fs::rename(fresh, tree.source);
    }
    tree.configure(d.fragments);
    tree.build(true);
    write_file(tree.output / kBuilt, "");
    KernelImage built = publish(d, r, tree, made_from);
    put_away();
    return built;
}

KernelImage KernelStore::build_mutant(const KernelDefinition& d, bool refresh, int lock) {
    const KernelDefinition base = load_kernel_definition(d.base);
    const fs::path base_tree = kept(base_recipe(base).key);
    auto base_image = cached(base);
    if (!base_image || refresh || !fs::exists(base_tree / "obj" / kBuilt))
        base_image = build(base, refresh, lock);

    const fs::path fresh = scratch() / "tree";
    fs::create_directories(fresh);
    std::vector<std::string> link{"cp", "-al", "-t", fresh.string()};
    for (const auto& entry : fs::directory_iterator(base_tree)) {
        const std::string name = entry.path().filename();
        if (name != "obj" && name != kTree) link.push_back(entry.path().string());
    }
    run(link, "/", "cannot link the kernel source");
    // The build rewrites objects in place, so they are copied; with their times, or make would make them all.
    run({"cp", "-a", "--reflink=auto", (base_tree / "obj").string(), (fresh / "obj").string()}, "/",
        "cannot copy the objects of " + base.name);
    apply_patches(d, fresh);
    const KernelTree tree = work_tree(d, lock);
    fs::rename(fresh, tree.source);
    auto fragments = base.fragments;
    fragments.insert(fragments.end(), d.fragments.begin(), d.fragments.end());
    tree.configure(fragments);
    tree.build(false);
    KernelImage built = publish(d, mutant_recipe(d, *base_image), tree, base_image->source);
    put_away();
    return built;
}

void KernelStore::apply_patches(const KernelDefinition& d, const fs::path& tree) const {
    // patch writes a new file and renames it, so the hard link's other end stays as it was.
    for (const fs::path& patch : d.patches) {
        run({"patch", "-p1", "--fuzz=0", "--force", "--no-backup-if-mismatch", "-i",
             fs::absolute(patch).string()},
            tree, fmt::format("kernel {}: {} does not apply", d.name, patch.string()));
    }
}

KernelImage KernelStore::publish(const KernelDefinition& d, const KernelRecipe& r, const KernelTree& tree,
                                 const std::string& source) {
    const auto fresh = fresh_image();
    tree.install(fresh);
    return publish(d, r, fresh, source);
}

KernelImage KernelStore::publish(const KernelDefinition& d, const KernelRecipe& r, const fs::path& fresh,
                                 const std::string& source) {
    write_file(fresh / "source", source + "\n");
    write_file(fresh / "recipe", r.text);
    replace(dir_ / "images" / r.key, fresh);
    return *image(d, r);
}

fs::path KernelStore::fresh_image() const {
    auto fresh = scratch() / "image";
    fs::remove_all(fresh);
    fs::create_directories(fresh);
    return fresh;
}

/// As Debian has it: nothing is compiled.
KernelImage KernelStore::fetch(const KernelDefinition& d) {
    const auto fresh = fresh_image();
    const auto source = fetch_kernel_package(d.image, d.suite, scratch(), fresh, log_);
    return publish(d, base_recipe(d), fresh, source);
}

KernelImage KernelStore::own(const fs::path& path, const Arch& arch) {
    const fs::path source = fs::canonical(path);
    const FileLock lock = take_lock();
    require_tools(arch);
    prepare();
    const auto whose = arch.fragment == nullptr ? source.string() : source.string() + arch.label;
    const fs::path folder = dir_ / "own" / hash_str(whose), log_file = dir_ / "logs" / "own.log";
    fs::remove(log_file);
    const KernelTree tree{source.string(), source, folder / "obj", "", log_file, log_, lock.fd(), &arch};
    std::vector<fs::path> fragments{fixtures_dir() / "kernels" / "lab.config"};
    if (arch.fragment != nullptr) fragments.push_back(fixtures_dir() / "kernels" / arch.fragment);
    tree.configure(fragments);
    tree.build(!fs::exists(folder / "image"));
    const fs::path fresh = scratch() / "image";
    fs::create_directories(fresh);
    tree.install(fresh);
    replace(folder / "image", fresh);
    fs::remove_all(scratch());
    return {path, folder / "image" / arch.image, arch.boots_vmlinux ? folder / "image/vmlinux" : fs::path(),
            read_first_line(folder / "image/release"), source, {}, &arch};
}

std::optional<KernelImage> own_file(const std::string& path) {
    const auto file = inspect_kernel_file(path);
    if (!file) throw TextError({path, 0, 0}, "", "a bzImage, an Image, a vmlinux or the top of a kernel source tree");
    const bool vmlinux = file->kind == KernelFile::Kind::vmlinux;
    return KernelImage{path, vmlinux ? "" : path, vmlinux ? path : "", file->release, path, {}, find_arch(file->arch)};
}

KernelImage find(const std::string& name_or_path, bool refresh, const KernelLog& log, const Arch& arch) {
    const bool file = name_or_path.find('/') != std::string::npos || !kernel_definition_exists(name_or_path);
    if (file && fs::is_directory(name_or_path)) {
        if (!is_kernel_tree(name_or_path)) {
            throw TextError({name_or_path, 0, 0}, "a folder", "the top of a kernel source tree");
        }
        return KernelStore(log).own(name_or_path, arch);
    }
    if (file && fs::is_regular_file(name_or_path) && !name_or_path.ends_with(".yaml"))
        return *own_file(name_or_path);
    return KernelStore(log).get(load_kernel_definition(name_or_path), refresh);
}

}  // namespace

KernelImage find_kernel(const std::string& name_or_path, const KernelLog& log, const Arch& arch) {
    return find(name_or_path, false, log, arch);
}

KernelImage refresh_kernel(const std::string& name_or_path, const KernelLog& log) {
    return find(name_or_path, true, log, default_arch());
}

std::optional<KernelImage> cached_kernel(const KernelDefinition& definition) {
    return KernelStore({}).cached(definition);
}

std::string kernel_cache_dir() {
    const fs::path dir = cache_dir() / "kernels";
    if (dir.string().find_first_of(" \t:") != std::string::npos) {
        throw LabError(
            fmt::format("{}: make cannot build a kernel below a name with spaces or colons", dir.string()),
            "set XDG_CACHE_HOME");
    }
    fs::create_directories(dir);
    return dir;
}

}  // namespace landfall
