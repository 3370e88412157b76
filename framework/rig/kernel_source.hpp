// Kernel sources out of Debian's linux-source packages, unpacked in the cache.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace landfall {

struct KernelSource {
    std::filesystem::path tree;
    std::string version;  ///< of the package: "6.12.95-1~bpo12+1"
};

/// Fetches and unpacks the newest source of a package below `cache` if there is none yet, or if `refresh` and
/// Debian has a newer one. `scratch` is a folder of the same file system for what is unfinished. The tree is
/// shared by hard links from now on: nobody may write its files in place.
[[nodiscard]] KernelSource kernel_source(const std::filesystem::path& cache,
                                         const std::filesystem::path& scratch, const std::string& package,
                                         const std::string& suite, bool refresh,
                                         const std::function<void(const std::string&)>& log);

}  // namespace landfall
