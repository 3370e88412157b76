// `landfall rig list|check|shell`: the machines scenarios run on.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include "commands/boot_options.hpp"
#include "commands/commands.hpp"
#include "rig/qemu_rig.hpp"
#include "rig/rig.hpp"

namespace landfall {
namespace {

struct Arguments {
    std::string rig;
    RigOptions boot;
};

void log_to_stderr(const std::string& text) { fmt::print(stderr, "{}\n", text); }

std::string functions_str(const RigFile& rig) {
    std::vector<std::string> out;
    for (const RigFunction& f : rig.functions) {
        out.push_back(fmt::format("{} {}{}{}", f.name, f.place(), f.engine.empty() ? "" : " ", f.engine));
    }
    return fmt::format("{}", fmt::join(out, ", "));
}

void list() {
    for (const RigFile& rig : list_rigs()) {
        fmt::print("{}\n    {}\n    kernel {}, iommu {}; {}\n", rig.name, rig.title, rig.kernel, rig.iommu,
                   functions_str(rig));
    }
}

ExitStatus check(const Arguments& arguments) {
    const RigFile file = load_rig(arguments.rig);
    const auto begin = std::chrono::steady_clock::now();
    const auto rig = start_rig(file, arguments.boot);
    const auto problems = check_rig(*rig);
    for (const std::string& problem : problems) fmt::print("{}: {}\n", file.name, problem);
    if (!problems.empty()) return ExitStatus::lab;
    fmt::print("{}: fit. Groups are as expected and the IOMMU stands before {} ({:.1f} s)\n", file.name,
               functions_str(file),
               std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    return ExitStatus::pass;
}

void shell(const Arguments& arguments) {
    const RigFile file = load_rig(arguments.rig);
    if (file.kind != RigFile::Kind::qemu) {
        throw LabError(fmt::format("rig {} is this machine: you are in a shell on it", file.name));
    }
    const auto rig = start_qemu_rig(file, arguments.boot);
    fmt::print(stderr, "{}; `exit` or Ctrl-] ends it, and the machine\n", functions_str(file));
    const int status = rig->shell(STDIN_FILENO, STDOUT_FILENO);
    if (status != 0) fmt::print(stderr, "the shell ended with status {}\n", status);
}

/// The options of every command that boots one rig.
std::shared_ptr<Arguments> boot_options(CLI::App& command) {
    const auto arguments = std::make_shared<Arguments>();
    arguments->boot.log = log_to_stderr;
    command.add_option("RIG", arguments->rig, "name of a rig, or a rig file")->required();
    add_boot_options(command, arguments->boot);
    return arguments;
}

}  // namespace

void add_rig(CLI::App& app, ExitStatus& status) {
    auto* rig = app.add_subcommand("rig", "list, check or enter the machines scenarios run on");
    rig->require_subcommand(1);
    rig->add_subcommand("list", "every rig that ships")->callback(list);
    auto* check_command = rig->add_subcommand("check", "start a rig and see that it is what its file says");
    check_command->callback([a = boot_options(*check_command), &status] { status = check(*a); });
    auto* shell_command = rig->add_subcommand("shell", "start a rig and open a shell in it");
    shell_command->callback([a = boot_options(*shell_command)] { shell(*a); });
}

}  // namespace landfall
