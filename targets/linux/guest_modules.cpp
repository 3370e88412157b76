#include "linux/guest_modules.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "os/fd.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

/// "03-vfio_pci.ko" is vfio_pci.
std::string name_in(const fs::path& file) {
    const auto stem = file.stem().string();
    return stem.substr(stem.find('-') + 1);
}

}  // namespace

std::string module_parameters(std::string_view module, std::string_view command_line) {
    std::string out;
    std::istringstream words{std::string(command_line)};
    for (std::string word; words >> word;) {
        // In names of modules a dash is as good as an underscore (lib/cmdline.c, parameq()).
        const auto dot = word.find('.');
        if (dot == std::string::npos) continue;
        auto owner = word.substr(0, dot);
        std::ranges::replace(owner, '-', '_');
        if (owner == module) out += (out.empty() ? "" : " ") + word.substr(dot + 1);
    }
    return out;
}

std::vector<std::string> load_modules(const std::string& folder, const std::string& command_line) {
    std::vector<fs::path> files;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none)) files.push_back(entry.path());
    std::ranges::sort(files);
    std::vector<std::string> out;
    for (const auto& file : files) {
        const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
        const auto parameters = module_parameters(name_in(file), command_line);
        if (!fd || ::syscall(SYS_finit_module, fd.get(), parameters.c_str(), 0) != 0)
            out.push_back(fmt::format("cannot load {}: {}", file.string(), std::strerror(errno)));
    }
    return out;
}

}  // namespace landfall
