// `landfall faults`: what a simulated rig can get wrong on purpose.
#include <fmt/format.h>

#include "commands/commands.hpp"
#include "sim/faults.hpp"

namespace landfall {

void add_faults(CLI::App& app, ExitStatus&) {
    app.add_subcommand("faults", "list what a simulated rig can get wrong on purpose")->callback([] {
        for (const auto& f : sim::fault_table())
            fmt::print("{:<28} {}\n{:<28} seen by: {}\n", f.name, f.text, "", f.rules);
    });
}

}  // namespace landfall
