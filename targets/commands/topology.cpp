// `landfall topology`: the machine's PCI tree with its iommu_groups, and why they are as they are. Shows
// only.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "commands.hpp"
#include "pci/discover.hpp"
#include "pci/report.hpp"

namespace landfall {
namespace {

struct TopologyOptions {
    std::string from;
    bool json = false;
};

}  // namespace

void add_topology(CLI::App& app, ExitStatus& status) {
    auto options = std::make_shared<TopologyOptions>();
    auto* command =
        app.add_subcommand("topology", "Show the PCI tree, its iommu_groups, and why they are so");
    command->add_option(
        "--from", options->from,
        "Instead of this machine: lspci -xxxx text, a copy of /proc/bus/pci, or a sysfs tree");
    command->add_flag("--json", options->json, "Print one JSON object");
    command->callback([options, &status] {
        const auto machine = discover(options->from.empty() ? Source{} : Source::at(options->from));
        fmt::print("{}", options->json ? topology_json(machine) : topology_text(machine));
        status = ExitStatus::pass;
    });
}

}  // namespace landfall
