// The `landfall` program: one file a command in commands/.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "commands/commands.hpp"
#include "rig/rig.hpp"

namespace landfall {
namespace {

int report(ExitStatus status, const std::string& what, const std::string& hint = {}) {
    fmt::print(stderr, "landfall: {}\n", what);
    if (!hint.empty()) fmt::print(stderr, "          {}\n", hint);
    return static_cast<int>(status);
}

int main(int argc, char** argv) {
    CLI::App app{"Where did that DMA land, and should it have?"};
    app.name("landfall");
    app.require_subcommand(1);
    app.set_version_flag("--version", LANDFALL_VERSION);
    app.footer(
        "exit status: 0 pass, 1 violation, 2 usage or scenario error, 3 rig or infrastructure,\n"
        "             4 requirement unmet, 5 inconclusive");
    auto status = ExitStatus::pass;
    for (const auto add : {add_run, add_replay, add_matrix, add_check, add_report, add_explore, add_faults, add_fuzz, add_soak, add_speed, add_generate,
                           add_shrink, add_observe, add_tap, add_exec, add_topology, add_rig, add_kernel, add_doctor, add_guest})
        add(app, status);
    try {
        app.parse(argc, argv);
        return static_cast<int>(status);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : static_cast<int>(ExitStatus::usage);
    } catch (const TextError& e) {
        return report(ExitStatus::usage, e.what());
    } catch (const LabError& e) {
        return report(ExitStatus::lab, e.what(), e.hint());
    } catch (const RigDied& e) {
        // Outside a scenario: in the rig's own check, or under somebody's shell. A dead kernel is a finding
        // all the same.
        return report(e.kernel_died() ? ExitStatus::violation : ExitStatus::lab,
                      fmt::format("{}\n--- last lines of the console ---\n{}", e.what(), e.console()));
    } catch (const std::exception& e) {
        return report(ExitStatus::lab, e.what());
    }
}

}  // namespace
}  // namespace landfall

int main(int argc, char** argv) {
    // The kernel of a virtual rig starts us as /init, without arguments.
    static char guest[] = "guest";
    char* as_guest[] = {argv[0], guest, nullptr};
    if (::getpid() == 1) return landfall::main(2, as_guest);
    return landfall::main(argc, argv);
}
