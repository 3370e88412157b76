#include "rig/paths.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "landfall/error.hpp"
#include "source_dir.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

std::string_view variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view{} : value;
}

bool is_program(const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
}

/// The file this code was loaded from: the program itself, or a Python extension.
fs::path own_file() {
    Dl_info info{};
    std::error_code ignored;
    if (dladdr(reinterpret_cast<const void*>(&landfall_program), &info) == 0) return {};
    return fs::weakly_canonical(info.dli_fname, ignored);
}

/// The first that is good of: the name in the folder of the code that asks, and in the three above it.
template <class Good>
fs::path nearby(const char* name, Good good) {
    fs::path dir = own_file().parent_path();
    for (int up = 0; up <= 3; ++up, dir = dir.parent_path())
        if (good(dir / name)) return dir / name;
    return {};
}

bool holds_rigs(const fs::path& fixtures) {
    std::error_code ignored;
    return fs::is_directory(fixtures / "rigs", ignored);
}

}  // namespace

fs::path fixtures_dir() {
    if (const auto set = variable("LANDFALL_FIXTURES"); !set.empty()) return set;
    if (auto near = nearby("fixtures", holds_rigs); !near.empty()) return near;
    return fs::path(LANDFALL_SOURCE_DIR) / "fixtures";
}

fs::path cache_dir() {
    fs::path dir;
    if (const auto cache = variable("XDG_CACHE_HOME"); !cache.empty()) {
        dir = cache;
    } else if (const auto home = variable("HOME"); !home.empty()) {
        dir = fs::path(home) / ".cache";
    } else {
        throw LabError("there is no place for a cache: neither HOME nor XDG_CACHE_HOME is set",
                       "set XDG_CACHE_HOME");
    }
    dir /= "landfall";
    std::error_code error;
    fs::create_directories(dir, error);
    if (error) throw LabError(fmt::format("{}: {}", dir.string(), error.message()), "set XDG_CACHE_HOME");
    return dir;
}

fs::path snapshots_dir() {
    if (const auto set = variable("LANDFALL_SNAPSHOTS"); !set.empty()) return set;
    return cache_dir() / "snapshots";
}

fs::path landfall_program() {
    if (const auto set = variable("LANDFALL_PROGRAM"); !set.empty()) {
        if (is_program(set)) return set;
        throw LabError(fmt::format("LANDFALL_PROGRAM={}: not a program", set));
    }
    std::error_code ignored;
    if (const fs::path self = fs::read_symlink("/proc/self/exe", ignored); self.filename() == "landfall") {
        return self;
    }
    if (auto near = nearby("landfall", is_program); !near.empty()) return near;
    throw LabError("the program 'landfall' was not found near " + own_file().string(),
                   "build it (lab/build), or name it in LANDFALL_PROGRAM");
}

fs::path guest_program(const Arch& arch) {
    if (is_native(arch)) return landfall_program();
    const fs::path root = cache_dir() / arch.label / "root";
    if (is_program(root / "init")) return root;
    throw LabError(fmt::format("there is no landfall for guests that are {}", arch.label), arch.cure != nullptr ? arch.cure : "");
}

}  // namespace landfall
