// `landfall speed --rig NAME`: DMAs a second, bare and with every one of them judged.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <memory>

#include "commands/commands.hpp"
#include "rig/speed.hpp"

namespace landfall {
namespace {

struct Arguments {
    std::string rig;
    RigOptions boot;
    SpeedOptions options;
    std::uint64_t time = 5000;  // ms
};

ExitStatus run(Arguments& a) {
    a.options.time = std::chrono::milliseconds(a.time);
    a.boot.log = [](const std::string& text) { fmt::print(stderr, "landfall: {}\n", text); };
    const auto file = load_rig(a.rig);
    if (file.kind != RigFile::Kind::qemu) throw TextError({"--rig", 0, 0}, a.rig, "a virtual rig");
    const auto rig = start_qemu_rig(file, a.boot);
    const auto report = measure_speed(*rig, a.options);
    fmt::print("{}: {} writes {} bytes, {} at once, {} s at a time\n", a.rig, report.device, a.options.length, a.options.deep,
               static_cast<double>(a.time) / 1000);
    fmt::print("bare    {:.0f} DMAs/s\njudged  {:.0f} DMAs/s\n{:.2f} of the bare engine's, medians\n",
               fmt::join(report.bare, " "), fmt::join(report.judged, " "), report.ratio());
    return ExitStatus::pass;
}

}  // namespace

void add_speed(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("speed", "what it costs to judge every DMA: a pump with and without");
    const auto arguments = std::make_shared<Arguments>();
    auto& a = *arguments;
    const std::map<std::string, std::uint64_t> units{{"ms", 1}, {"s", 1000}, {"m", 60'000}};
    command->add_option("--rig", a.rig, "a virtual rig (landfall rig list) or a rig file")->required();
    command->add_option("--device", a.options.device, "which of its functions [the first]");
    command->add_option("--length", a.options.length, "bytes of a DMA")->capture_default_str()->check(CLI::Range(8, 16384));
    command->add_option("--deep", a.options.deep, "DMAs under way at once, where the device can")->capture_default_str()->check(CLI::Range(1, 64));
    command->add_option("--time", a.time, "of one pump [5s]")
        ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED, "TIME"));
    command->add_option("--rounds", a.options.rounds, "of both kinds, in turn")->capture_default_str()->check(CLI::Range(1, 100));
    command->add_option("--kernel", a.boot.kernel, "a kernel's name, or a bzImage, vmlinux or source tree");
    command->add_option("--kernel-args", a.boot.kernel_args, "appended to the kernel's command line");
    command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace landfall
