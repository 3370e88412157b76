// `landfall kernel list|build|mutants`: the kernels there are, and making them before they are needed.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "commands/commands.hpp"
#include "rig/kernel_store.hpp"

namespace landfall {
namespace {

void list_kernels() {
    for (const KernelDefinition& d : list_kernel_definitions()) {
        const auto image = cached_kernel(d);
        const std::string done = d.image.empty() ? "built" : "fetched";
        const std::string state =
            image ? fmt::format("{}: {}, from {}", done, image->release, image->source) : "not " + done;
        fmt::print("{:28} {}\n{:28} {}\n", d.name, d.title, "", state);
    }
}

// One line for each scenario that must catch one, for lab/mutants and for grep.
void list_mutants() {
    for (const KernelDefinition& d : list_kernel_definitions())
        for (const CaughtBy& c : d.caught_by)
            fmt::print("{} base {} scenario {} rig {} rule {}\n", d.name, d.base, c.scenario, c.rig, c.rule);
}

void build(const std::string& name, bool refresh) {
    const KernelLog log = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
    const KernelImage image = refresh ? refresh_kernel(name, log) : find_kernel(name, log);
    fmt::print("kernel {}: Linux {}, from {}\n", image.name, image.release, image.source);
    for (const std::string& file : {image.image, image.vmlinux}) {
        if (!file.empty()) fmt::print("  {}\n", file);
    }
}

}  // namespace

void add_kernel(CLI::App& app, ExitStatus&) {
    auto* kernel = app.add_subcommand("kernel", "kernels for virtual rigs");
    kernel->require_subcommand(1);
    kernel->add_subcommand("list", "every kernel that ships, and whether it is built")
        ->callback(list_kernels);
    kernel->add_subcommand("mutants", "every kernel with a planted bug, and what must catch it")
        ->callback(list_mutants);

    struct Arguments {
        std::string name;
        bool refresh = false;
    };
    auto* command = kernel->add_subcommand("build", "build a kernel into the cache if it is not there");
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("kernel", arguments->name, "name, or path of a definition or a kernel source tree")
        ->required();
    command->add_flag("--refresh", arguments->refresh, "look whether Debian has a newer source");
    command->callback([arguments] { build(arguments->name, arguments->refresh); });
}

}  // namespace landfall
