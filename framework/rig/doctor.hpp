// What this host has and lacks for virtual rigs.
#pragma once

#include <string>
#include <vector>

namespace landfall {

struct HostCheck {
    /// note: worth knowing, but nothing the main job waits for.
    enum class State { good, note, lacking } state{};
    std::string subject;
    std::string detail;
    std::string fix;  ///< the command or change that mends it; empty if there is nothing to mend
};

/// Looks only; installs, builds and boots nothing.
[[nodiscard]] std::vector<HostCheck> examine_host();

/// "10.0.2" of what `qemu-system-x86_64 --version` prints; empty if it is not in there.
[[nodiscard]] std::string qemu_version(const std::string& output);

}  // namespace landfall
