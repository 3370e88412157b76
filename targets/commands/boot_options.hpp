// How a command is told what its rigs start from.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "rig/rig.hpp"

namespace landfall {

/// --kernel, and what add_start_options() adds.
void add_boot_options(CLI::App& command, RigOptions& boot);
/// --kernel-args, --api, --boot: for a command that has kernels of its own.
void add_start_options(CLI::App& command, RigOptions& boot);

/// --api alone.
void add_api_option(CLI::App& command, std::optional<Api>& api);

/// The options that give `boot` again, each with a space before it.
[[nodiscard]] std::string boot_options_str(const RigOptions& boot);

}  // namespace landfall
