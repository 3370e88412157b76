#include "rig/kernel_source.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "rig/apt_suite.hpp"
#include "rig/kernel_progress.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using std::chrono::minutes;

// Package, unpacked source and the objects of one kernel, with room to spare.
constexpr std::uintmax_t kRoom = 3'000'000'000;

void run(const std::vector<std::string>& argv) {
    CommandOptions options;
    options.limit = minutes(20);
    const CommandResult result = run_command(argv, options);
    if (!result.ok()) {
        throw LabError(
            fmt::format("{}: {}", fmt::join(argv, " "), result.timed_out ? "took too long" : result.output));
    }
}

void require_room(const fs::path& folder) {
    const auto available = fs::space(folder).available;
    if (available >= kRoom) return;
    throw LabError(fmt::format("{} has {} MB left; a kernel needs {} MB", folder.string(),
                               available / 1'000'000, kRoom / 1'000'000),
                   "free some, or set XDG_CACHE_HOME to a folder elsewhere");
}

/// The package holds usr/src/PACKAGE.tar.xz, and that one folder PACKAGE.
void unpack(const fs::path& package, const std::string& name, const fs::path& into) {
    const fs::path opened = into.parent_path() / "package";
    run({"dpkg-deb", "-x", package.string(), opened.string()});
    fs::create_directories(into);
    run({"tar", "--extract", "--xz", "--strip-components=1", "--directory", into.string(), "--file",
         (opened / "usr/src" / (name + ".tar.xz")).string()});
}

}  // namespace

KernelSource kernel_source(const fs::path& cache, const fs::path& scratch, const std::string& package,
                           const std::string& suite, bool refresh,
                           const std::function<void(const std::string&)>& log) {
    const fs::path current = cache / package;  // a link to PACKAGE_VERSION beside it
    const std::size_t prefix = package.size() + 1;
    std::string have;
    if (fs::is_directory(current)) have = fs::read_symlink(current).filename().string().substr(prefix);
    if (!have.empty() && !refresh) return {fs::canonical(current), have};

    const AptSuite apt(scratch / "apt", suite, log);
    const std::string version = apt.version(package);
    if (version == have) return {fs::canonical(current), have};

    require_room(scratch);
    fs::create_directories(scratch / "download");
    fs::path file;
    {
        Progress progress(fmt::format("downloading {} {}", package, version), log);
        file = apt.download(package, version, scratch / "download",
                            [&](unsigned percent) { progress.update(percent); });
    }
    if (log) log(fmt::format("unpacking {} {}", package, version));
    unpack(file, package, scratch / "source");

    const fs::path tree = cache / (package + "_" + version);
    fs::create_directories(cache);
    fs::remove_all(tree);
    fs::rename(scratch / "source", tree);
    fs::create_directory_symlink(tree.filename(), scratch / "current");
    fs::rename(scratch / "current", current);
    if (!have.empty()) fs::remove_all(cache / (package + "_" + have));
    return {tree, version};
}

}  // namespace landfall
