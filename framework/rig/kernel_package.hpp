// Kernels as Debian ships them: taken out of a linux-image package, and not installed.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace landfall {

/// Downloads the newest image that a package of the suite is or stands for (linux-image-amd64 stands for one with a release
/// in its name) and leaves bzImage, config, release and modules/ in `folder`. `scratch` is a folder for what is unfinished.
/// Returns package and version. Throws LabError.
std::string fetch_kernel_package(const std::string& package, const std::string& suite,
                                 const std::filesystem::path& scratch, const std::filesystem::path& folder,
                                 const std::function<void(const std::string&)>& log);

/// The second half: the same from a package that is unpacked in `root`.
void take_kernel(const std::filesystem::path& root, const std::filesystem::path& folder);

}  // namespace landfall
