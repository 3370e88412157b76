// `landfall replay DIRECTORY`: a run that `landfall run --record` recorded, done again and judged again.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "commands/commands.hpp"
#include "commands/results.hpp"
#include "rig/known_file.hpp"
#include "rig/record_replay.hpp"

namespace landfall {
namespace {

struct Arguments {
    std::string recording, output, gdb;
    bool story = false, quiet = false;
};

ExitStatus replay(const Arguments& arguments) {
    const Recording recording(arguments.recording);
    if (!arguments.output.empty()) std::filesystem::create_directories(arguments.output);
    ReplayOptions options;
    options.run.check.known = load_known();
    options.gdb = arguments.gdb;
    options.log = [quiet = arguments.quiet](const std::string& text) {
        if (!quiet) fmt::print(stderr, "landfall: {}\n", text);
    };
    const auto begin = std::chrono::steady_clock::now();
    auto replayed = replay_run(recording, options);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    const auto name = std::filesystem::path(recording.manifest().scenario).stem().string();
    const auto proof = prove(replayed.run, options.run.check);
    tell(name, replayed.run, took.count(), arguments.story);
    if (!arguments.output.empty()) keep_files(arguments.output, name, replayed.run, proof);
    if (replayed.difference.empty()) {
        fmt::print("the same as when it was recorded: {} lines, times included\n", replayed.run.trace.lines.size());
        return replayed.run.verdict.exit_status();
    }
    fmt::print("not the same as when it was recorded:\n  {}\n", replayed.difference);
    return ExitStatus::lab;
}

}  // namespace

void add_replay(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("replay", "do a recorded run again, instruction for instruction, and judge it");
    const auto arguments = std::make_shared<Arguments>();
    auto& a = *arguments;
    command->add_option("recording", a.recording, "the directory that landfall run --record made")->required();
    command->add_option("-o,--output", a.output, "directory for the trace, the console and the explanation");
    command->add_option("--gdb", a.gdb, "a new socket: wait there for a debugger, and let it run the machine");
    command->add_flag("--story", a.story, "tell the run step by step");
    command->add_flag("-q,--quiet", a.quiet, "no progress on stderr");
    command->callback([arguments, &status] { status = replay(*arguments); });
}

}  // namespace landfall
