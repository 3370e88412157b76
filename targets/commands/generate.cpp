// `landfall generate`: writes the random scenario that `landfall fuzz` runs for a seed.
#include <fmt/format.h>

#include <memory>

#include "commands/commands.hpp"
#include "rig/fuzz.hpp"

namespace landfall {
namespace {

struct Arguments {
    std::string rig = "sim";
    std::uint64_t seed = 1;
    GenerateOptions options;
    bool no_lanes = false, no_background = false;
};

void write(Arguments& a) {
    const auto rig = load_rig(a.rig);
    a.options.groups = groups_of(rig);
    a.options.copies_beside = knows_copies(rig);
    a.options.lanes = !a.no_lanes;
    a.options.background = !a.no_background;
    fmt::print("{}", fuzz_scenario(a.seed, a.options).print());
}

}  // namespace

void add_generate(CLI::App& app, ExitStatus&) {
    auto* command = app.add_subcommand("generate", "write a random scenario to stdout");
    const auto arguments = std::make_shared<Arguments>();
    auto& a = *arguments;
    command->add_option("--rig", a.rig, "for the groups of this rig; it is not started")->capture_default_str();
    command->add_option("--seed", a.seed, "one seed, one scenario")->capture_default_str();
    command->add_option("--steps", a.options.most_steps, "about")->capture_default_str();
    command->add_option("--feature", a.options.features, "what it may ask of the rig")->capture_default_str();
    command->add_flag("--no-lanes", a.no_lanes, "no steps side by side");
    command->add_flag("--no-background", a.no_background, "no DMA beside other steps");
    command->callback([arguments] { write(*arguments); });
}

}  // namespace landfall
