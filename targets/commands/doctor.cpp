// `landfall doctor`: what this host has and lacks, and the command that mends it.
#include "rig/doctor.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "commands/commands.hpp"

namespace landfall {
namespace {

const char* state_str(HostCheck::State state) {
    switch (state) {
        case HostCheck::State::good: return "ok";
        case HostCheck::State::note: return "note";
        case HostCheck::State::lacking: return "LACK";
    }
    return "";
}

ExitStatus examine() {
    bool lacking = false;
    for (const HostCheck& check : examine_host()) {
        fmt::print("{:5} {:36} {}\n", state_str(check.state), check.subject, check.detail);
        if (!check.fix.empty()) fmt::print("{:42} -> {}\n", "", check.fix);
        lacking = lacking || check.state == HostCheck::State::lacking;
    }
    fmt::print("{}\n", lacking ? "virtual rigs cannot run here yet" : "virtual rigs can run here");
    return lacking ? ExitStatus::lab : ExitStatus::pass;
}

}  // namespace

void add_doctor(CLI::App& app, ExitStatus& status) {
    app.add_subcommand("doctor", "what this host has and lacks for virtual rigs")->callback([&status] {
        status = examine();
    });
}

}  // namespace landfall
