// `landfall observe -- PROGRAM...`: somebody else's program on a rig. Was the kernel right, and does the
// program know what it did?
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include "commands/commands.hpp"
#include "commands/results.hpp"
#include "landfall/remarks.hpp"
#include "landfall/report.hpp"
#include "os/files.hpp"
#include "rig/known_file.hpp"
#include "rig/observation.hpp"

namespace landfall {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
    std::string rig, output;
    RigOptions boot;
    ObserveOptions options;
    bool strict = false, quiet = false;
    std::uint64_t time = 300'000;  // ms
    unsigned memory_mib = 0;       // 0: as the rig has it
};

/// One of the two traces of an observation, judged.
struct Judged {
    const Trace& trace;
    Verdict verdict;
    std::vector<Remark> remarks;
    Omissions omissions;
    std::uint64_t asked = 0;  ///< steps the program asked for
};

// What the observation puts in by itself: devices it closes before the program begins, and memory.
std::uint64_t steps_asked(const Trace& trace) {
    const auto asked = [](const Line& line) {
        if (line.step() == nullptr || std::holds_alternative<Buffer>(*line.step())) return false;
        const auto* control = std::get_if<DeviceControl>(line.step());
        return control == nullptr || control->verb != DeviceControl::Verb::close;
    };
    return static_cast<std::uint64_t>(std::ranges::count_if(trace.lines, asked));
}

Judged judge(const Trace& trace, const std::string& model) {
    CheckOptions options;
    options.model = model;
    options.known = load_known();
    // Containers take groups whole: there are no members to be remarked on.
    return {trace, check(trace, options), model == "iommufd" ? remarks(trace) : std::vector<Remark>{},
            omissions(trace), steps_asked(trace)};
}

// A trace in which nothing was asked proves nothing, but that the machine died in it counts.
bool counts(const Judged& j) { return j.asked > 0 || j.trace.lines.back().event() != nullptr; }

ExitStatus status_of(const Observation& seen, const std::vector<Judged>& judged, bool strict) {
    auto status = ExitStatus::pass;
    bool remarked = false;
    std::uint64_t asked = 0;
    for (const auto& j : judged) {
        if (counts(j)) status = graver(status, j.verdict.exit_status());
        remarked = remarked || !j.remarks.empty();
        asked += j.asked;
    }
    if (strict && remarked) status = graver(status, ExitStatus::violation);
    if (asked == 0 || !seen.end || !seen.end->well()) status = graver(status, ExitStatus::inconclusive);
    return status;
}

const char* word_for(ExitStatus status) {
    if (status == ExitStatus::pass) return "pass";
    return status == ExitStatus::violation ? "violation" : "inconclusive";
}

std::string by_name(const std::map<std::string, unsigned>& names) {
    std::vector<std::string> out;
    for (const auto& [name, n] : names) out.push_back(fmt::format("{} x{}", name, n));
    return fmt::format("{}", fmt::join(out, ", "));
}

std::string told(const Judged& j) {
    std::string out;
    for (const auto& v : j.verdict.violations) {
        if (v.known.empty())
            out += "\n" + explain(j.trace, v) + "\n";
        else
            out += fmt::format("  known: {}: {} [{}]\n", v.rule, v.summary, v.known);
    }
    if (counts(j) && !j.verdict.reason.empty()) out += "  " + j.verdict.reason + "\n";
    for (const auto& r : j.remarks) out += fmt::format("  {}: {}\n", r.id, r.text);
    if (!j.omissions.not_judged.empty()) out += "  not judged: " + by_name(j.omissions.not_judged) + "\n";
    for (const auto& text : j.omissions.not_followed) out += "  not followed: " + text + "\n";
    return out;
}

std::string summary_of(const std::string& name, const Observation& seen, const std::vector<Judged>& judged,
                       ExitStatus status, double seconds) {
    std::uint64_t asked = 0, remarked = 0;
    for (const auto& j : judged) {
        asked += j.asked;
        remarked += j.remarks.size();
    }
    auto out = fmt::format("{:<12} {:<28} {:<16} {:>5} steps {:>3} remarks {:>7.1f} s\n", word_for(status),
                           name, seen.end ? seen.end->str() : "rig lost", asked, remarked, seconds);
    for (const auto& j : judged) out += told(j);
    if (asked == 0) out += "  the program asked nothing that can be judged\n";
    return out;
}

void keep(const std::string& directory, const std::string& name, const Observation& seen,
          const std::string& summary) {
    if (directory.empty()) return;
    std::filesystem::create_directories(directory);
    const auto base = (std::filesystem::path(directory) / name).string();
    write_file(base + ".trace", seen.trace.print());
    if (steps_asked(seen.type1) > 0) write_file(base + ".type1.trace", seen.type1.print());
    write_file(base + ".console", seen.console);
    write_file(base + ".txt", summary);
}

ExitStatus observe_and_tell(Arguments& a) {
    a.boot.log = [quiet = a.quiet](const std::string& text) {
        if (!quiet) fmt::print(stderr, "landfall: {}\n", text);
    };
    if (!a.quiet)
        a.options.show = [](std::string_view text) {
            (void)!::write(STDERR_FILENO, text.data(), text.size());
        };
    const auto begin = Clock::now();
    auto file = load_rig(a.rig);
    if (a.memory_mib != 0) file.memory_mib = a.memory_mib;
    const auto seen = observe(file, a.boot, a.options);
    const auto seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const std::vector<Judged> judged{judge(seen.trace, "iommufd"), judge(seen.type1, "type1")};
    const auto status = status_of(seen, judged, a.strict);
    const auto name = std::filesystem::path(a.options.command.front()).filename().string();
    const auto summary = summary_of(name, seen, judged, status, seconds);
    fmt::print("{}", summary);
    keep(a.output, name, seen, summary);
    return status;
}

}  // namespace

void add_observe(CLI::App& app, ExitStatus& status) {
    auto* command =
        app.add_subcommand("observe", "run somebody else's program on a rig and judge what it did");
    const auto arguments = std::make_shared<Arguments>();
    auto& a = *arguments;
    command
        ->add_option("command", a.options.command,
                     "the program and its arguments, behind --; {a} is the function a's address")
        ->required();
    command->add_option("--rig", a.rig, "a rig that ships (landfall rig list) or a rig file")->required();
    command->add_option("--kernel", a.boot.kernel, "a kernel's name, or a bzImage, vmlinux or source tree");
    command->add_option("--kernel-args", a.boot.kernel_args, "appended to the kernel's command line");
    command->add_option("--memory", a.memory_mib, "of a virtual rig, at most 1536M [what its file says]")
        ->transform(CLI::AsNumberWithUnit(std::map<std::string, unsigned>{{"M", 1}, {"G", 1024}},
                                          CLI::AsNumberWithUnit::UNIT_REQUIRED, "SIZE"))
        ->check(CLI::Range(64, 1536));
    command->add_option("--file", a.options.files, "a file of this machine the program needs in the guest");
    command->add_option("--time", a.time, "how long the program may take: 90s, 5m, 1h [5m]")
        ->transform(CLI::AsNumberWithUnit(
            std::map<std::string, std::uint64_t>{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}},
            CLI::AsNumberWithUnit::UNIT_REQUIRED, "TIME"));
    command->add_option("-o,--output", a.output, "directory for traces, console and what was told");
    command->add_flag("--strict", a.strict, "a remark is a failure: exit status 1");
    command->add_flag("-q,--quiet", a.quiet, "nothing of the program's output and no progress on stderr");
    command->callback([arguments, &status] {
        arguments->options.limit = std::chrono::milliseconds(arguments->time);
        status = observe_and_tell(*arguments);
    });
}

}  // namespace landfall
