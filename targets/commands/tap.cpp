// `landfall tap`: runs a program on this machine under observation. Its trace on stdout; what it says, and
// our log, on stderr. `landfall observe` is the other end.
#include <fmt/format.h>

#include <unistd.h>
#include <cstdio>

#include "commands/commands.hpp"
#include "landfall/remarks.hpp"
#include "linux/linux_target.hpp"
#include "linux/loan.hpp"
#include "observe/observer.hpp"
#include "rig/observation.hpp"

namespace landfall {
namespace {

struct Arguments {
    std::vector<std::string> devices, command;
    unsigned limit_ms = 0;
};

void put(const std::string& text) {
    const auto line = text + '\n';
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
}

std::vector<ObservedFunction> functions_of(const std::vector<Fact>& facts) {
    std::vector<ObservedFunction> out;
    for (const auto& fact : facts)
        if (const auto* d = std::get_if<DeviceFact>(&fact); d != nullptr && d->name != "-")
            out.push_back({d->name, d->bdf, d->group});
    return out;
}

// What the IOMMU blocked is told, but no DMA of the program is seen that could explain it.
void tell_events(LinuxTarget& target, Transcript& transcript) {
    for (auto& event : target.events()) {
        if (std::holds_alternative<FaultEvent>(event))
            transcript.not_judged(print(event).substr(2));
        else
            transcript.event(std::move(event), target.now());
    }
}

ObservedEnd ended(const ProgramEnd& end) {
    if (end.out_of_time) return {ObservedEnd::How::stopped, 0};
    if (end.signal) return {ObservedEnd::How::killed, *end.signal};
    return {ObservedEnd::How::exited, end.status.value_or(0)};
}

void observe(const Arguments& a) {
    const Loan loan(parse_devices(a.devices));
    LinuxTarget target(loan.functions());
    const auto facts = target.facts();
    Transcript iommufd([](const Line& line) { put(print(line)); });
    Transcript type1([](const Line& line) { put(std::string(kType1Prefix) + print(line)); });
    // Which of the two interfaces each of the traces is of, whatever we would use ourselves.
    put(print(Fact{TextFact{"feature", std::string(api_str(Api::iommufd))}}));
    put(std::string(kType1Prefix) + print(Fact{TextFact{"feature", std::string(api_str(Api::type1))}}));
    for (const auto& fact : facts) {
        if (const auto* text = std::get_if<TextFact>(&fact); text != nullptr && parse_api(text->value)) continue;
        put(print(fact));
        put(std::string(kType1Prefix) + print(fact));
    }
    Tracer tracer(a.command, STDERR_FILENO);
    if (tracer.unfiltered())
        fmt::print(stderr,
                   "landfall: this kernel has no seccomp filters: the program stops at every system call\n");
    Observer observer(functions_of(facts), iommufd, type1, [&target] { return target.now(); });
    const auto end = tracer.run(observer, std::chrono::milliseconds(a.limit_ms));
    tell_events(target, iommufd);
    iommufd.finish();
    type1.finish();
    put(print(ended(end)));
}

}  // namespace

void add_tap(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("tap", "run a program on this machine under observation");
    command->group("");  // not for people: see observe
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("--device", arguments->devices, "a function to bind, and its name: NAME=BDF")
        ->allow_extra_args(false)
        ->required();
    command->add_option("--limit", arguments->limit_ms, "milliseconds the program may take")->required();
    command->add_option("command", arguments->command, "the program and its arguments")->required();
    command->callback([arguments, &status] {
        try {
            observe(*arguments);
        } catch (const std::exception& e) {
            // On stdout as well: over a wire the other side sees nothing else.
            Line line;
            line.when = Interval{};
            line.body = Event{LabEvent{e.what()}};
            put(print(line));
            throw;
        }
        status = ExitStatus::pass;
    });
}

}  // namespace landfall
