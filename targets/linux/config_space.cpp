#include "linux/config_space.hpp"

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <unistd.h>

#include <filesystem>

namespace landfall {
namespace {

constexpr std::size_t kRegister = 4;

std::string header_of(const Fd& config) {
    std::string out(PCI_STD_HEADER_SIZEOF, '\0');
    const ssize_t n = pread(config.get(), out.data(), out.size(), 0);
    out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return out;
}

// A status bit that is written is cleared, so of the register they share only the command's half is written.
void write_back(const Fd& config, const std::string& header) {
    const auto write = [&](std::size_t at, std::size_t length) {
        (void)!pwrite(config.get(), header.data() + at, length, static_cast<off_t>(at));
    };
    for (std::size_t at = PCI_CACHE_LINE_SIZE; at + kRegister <= header.size(); at += kRegister) write(at, kRegister);
    write(PCI_COMMAND, sizeof(std::uint16_t));
}

/// Without the status register, which says what happened since.
std::string settings(std::string header) {
    if (header.size() > PCI_STATUS + 1) header.erase(PCI_STATUS, 2);
    return header;
}

}  // namespace

ConfigSpaces::ConfigSpaces(const std::string& devices) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(devices, ignored)) {
        Fd config(::open((entry.path() / "config").c_str(), O_RDWR | O_CLOEXEC));
        if (!config) continue;
        auto header = header_of(config);
        functions_.emplace(entry.path().filename(), Function{std::move(config), std::move(header)});
    }
}

std::vector<std::string> ConfigSpaces::restore() const {
    std::vector<std::string> out;
    for (const auto& [name, f] : functions_) {
        if (settings(header_of(f.config)) == settings(f.header)) continue;
        write_back(f.config, f.header);
        if (settings(header_of(f.config)) != settings(f.header)) out.push_back(name);
    }
    return out;
}

}  // namespace landfall
