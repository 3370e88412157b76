// One file a command. Each adds itself to the command line and leaves its exit status in `status` when it runs.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "landfall/api.hpp"
#include "landfall/error.hpp"
#include "pci/discover.hpp"

namespace landfall {

void add_run(CLI::App& app, ExitStatus& status);
void add_replay(CLI::App& app, ExitStatus& status);
void add_matrix(CLI::App& app, ExitStatus& status);
void add_check(CLI::App& app, ExitStatus& status);
void add_report(CLI::App& app, ExitStatus& status);
void add_explore(CLI::App& app, ExitStatus& status);
void add_faults(CLI::App& app, ExitStatus& status);
void add_generate(CLI::App& app, ExitStatus& status);
void add_fuzz(CLI::App& app, ExitStatus& status);
void add_soak(CLI::App& app, ExitStatus& status);
void add_speed(CLI::App& app, ExitStatus& status);
void add_shrink(CLI::App& app, ExitStatus& status);
void add_observe(CLI::App& app, ExitStatus& status);
void add_tap(CLI::App& app, ExitStatus& status);
void add_exec(CLI::App& app, ExitStatus& status);
void add_topology(CLI::App& app, ExitStatus& status);
void add_rig(CLI::App& app, ExitStatus& status);
void add_kernel(CLI::App& app, ExitStatus& status);
void add_doctor(CLI::App& app, ExitStatus& status);
void add_guest(CLI::App& app, ExitStatus& status);

struct ExecArguments {
    std::vector<std::string> devices;  ///< NAME=BDF or NAME=BDF,scratch
    bool witness = false, bare_pumps = false;
    std::optional<Api> api;  ///< nullopt: what the kernel has
    const Machine* machine = nullptr;  ///< what it is, where that is known already
    int answers = 0;         ///< descriptor on which the witness answers; 0: among the steps
};
/// What `landfall exec` does once its command line is read. Throws as every command.
[[nodiscard]] ExitStatus exec_steps(const ExecArguments& arguments);

}  // namespace landfall
