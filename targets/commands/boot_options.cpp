#include "commands/boot_options.hpp"

#include <fmt/format.h>

namespace landfall {

void add_boot_options(CLI::App& command, RigOptions& boot) {
    command.add_option("--kernel", boot.kernel, "a kernel's name, or a bzImage, vmlinux or source tree");
    add_start_options(command, boot);
}

void add_start_options(CLI::App& command, RigOptions& boot) {
    command.add_option("--kernel-args", boot.kernel_args, "appended to the kernel's command line");
    add_api_option(command, boot.api);
    command.add_flag("--boot", boot.boot, "boot virtual rigs, though there may be snapshots; and make none");
}

void add_api_option(CLI::App& command, std::optional<Api>& api) {
    command.add_option_function<std::string>(
        "--api",
        [&api](const std::string& word) { api = api_named(word, "--api"); },
        "iommufd; type1: VFIO containers; compat: iommufds in their place [iommufd where the kernel has it, else type1]");
}

std::string boot_options_str(const RigOptions& boot) {
    std::string out;
    if (!boot.kernel.empty()) out += " --kernel " + boot.kernel;
    if (!boot.kernel_args.empty()) out += fmt::format(" --kernel-args '{}'", boot.kernel_args);
    if (boot.api) out += fmt::format(" --api {}", api_str(*boot.api));
    if (boot.boot) out += " --boot";
    return out;
}

}  // namespace landfall
