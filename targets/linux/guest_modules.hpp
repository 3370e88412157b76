// Modules a guest's first process loads, since nobody else is there to do it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace landfall {

/// What a kernel's command line has for a module: of "a.x=1 b.y=2" the module b gets "y=2" (as modprobe(8) has it).
[[nodiscard]] std::string module_parameters(std::string_view module, std::string_view command_line);

/// Loads every NN-NAME.ko of the folder, in the order of their names. Returns one line for each that could not be. No such
/// folder: there is nothing to load.
[[nodiscard]] std::vector<std::string> load_modules(const std::string& folder, const std::string& command_line);

}  // namespace landfall
