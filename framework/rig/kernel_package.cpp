#include "rig/kernel_package.hpp"

#include <fmt/format.h>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "os/files.hpp"
#include "rig/apt_suite.hpp"
#include "rig/kernel_modules.hpp"
#include "rig/kernel_progress.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using std::chrono::minutes;

constexpr std::string_view kImage = "vmlinuz-";

/// The release a package's image is of.
std::string release_in(const fs::path& root) {
    std::string found;
    for (const auto& entry : fs::directory_iterator(root / "boot")) {
        const auto name = entry.path().filename().string();
        if (name.starts_with(kImage)) found = name.substr(kImage.size());
    }
    if (found.empty()) throw LabError(fmt::format("no boot/{}* in {}", kImage, root.string()));
    return found;
}

}  // namespace

void take_kernel(const fs::path& root, const fs::path& folder) {
    const auto release = release_in(root);
    fs::copy_file(root / "boot" / (std::string(kImage) + release), folder / "bzImage");
    fs::copy_file(root / "boot" / ("config-" + release), folder / "config");
    write_file(folder / "release", release + "\n");
    // Where /lib is a link, packages have all of it below /usr.
    const auto modules = fs::path("lib/modules") / release;
    take_modules(fs::is_directory(root / modules) ? root / modules : root / "usr" / modules, folder / "modules");
}

std::string fetch_kernel_package(const std::string& package, const std::string& suite, const fs::path& scratch,
                                 const fs::path& folder, const std::function<void(const std::string&)>& log) {
    const AptSuite apt(scratch / "apt", suite, log);
    const auto image = apt.stands_for(package, "linux-image-");
    const auto version = apt.version(image);
    fs::create_directories(scratch / "download");
    fs::path file;
    {
        Progress progress(fmt::format("downloading {} {}", image, version), log);
        file = apt.download(image, version, scratch / "download", [&](unsigned percent) { progress.update(percent); });
    }
    if (log) log(fmt::format("unpacking {} {}", image, version));
    const fs::path root = scratch / "package";
    CommandOptions options;
    options.limit = minutes(10);
    const auto unpacked = run_command({"dpkg-deb", "-x", file.string(), root.string()}, options);
    if (!unpacked.ok()) throw LabError(fmt::format("cannot unpack {}: {}", file.string(), unpacked.output));
    take_kernel(root, folder);
    return image + " " + version;
}

}  // namespace landfall
