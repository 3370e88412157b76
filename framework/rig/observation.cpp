#include "rig/observation.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "landfall/cursor.hpp"
#include "landfall/error.hpp"
#include "os/command.hpp"
#include "os/keeper.hpp"
#include "os/wire.hpp"
#include "rig/channel.hpp"
#include "rig/paths.hpp"
#include "rig/qemu_rig.hpp"
#include "rig/scenario_run.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

// Binding the functions, starting the program, and killing it when its time is over.
constexpr milliseconds kAround{60'000};
constexpr std::string_view kProgram = "program ", kExit = "exit ";

constexpr std::array<std::string_view, 3> kHow{"exited", "killed", "stopped"};

// Takes lines of `landfall tap` until the program has ended.
class Recording {
  public:
    Recording(const RigFile& file, Observation& out) : out_(out) {
        for (auto* trace : {&out_.trace, &out_.type1}) {
            trace->file = file.name;
            add(*trace, rig_line(file));
        }
    }

    void run(Channel& channel, milliseconds limit) {
        const Deadline deadline(limit + kAround);
        try {
            while (!out_.end) take(channel.receive(deadline, "the observed program"), channel);
        } catch (const RigDied& death) {
            if (!death.kernel_died() && last_ == Nanoseconds{}) throw;
            add(out_.trace, obituary(death, last_));
            if (out_.console.empty()) out_.console = death.console();
        }
    }

  private:
    void take(const std::string& text, Channel& channel) {
        out_.end = parse_end(text);
        if (out_.end) return;
        if (text.starts_with(kExit))
            throw channel.died(fmt::format("landfall tap ended early, status {}", text.substr(kExit.size())));
        const bool type1 = text.starts_with(kType1Prefix);
        auto& trace = type1 ? out_.type1 : out_.trace;
        try {
            auto line =
                parse_line(std::string_view(text).substr(type1 ? kType1Prefix.size() : 0), trace.file, 0);
            refuse(line);
            add(trace, std::move(line));
        } catch (const TextError& e) {
            throw channel.died(
                fmt::format("landfall tap sent what is no trace line: '{}' ({})", text, e.what()));
        }
    }

    // What is said before the first step: the program was not started.
    void refuse(const Line& line) {
        const auto* event = line.event();
        const auto* lab = event == nullptr ? nullptr : std::get_if<LabEvent>(event);
        if (lab != nullptr && last_ == Nanoseconds{})
            throw LabError(fmt::format("rig {}: {}", out_.trace.file, lab->text));
    }

    void add(Trace& trace, Line line) {
        line.number = static_cast<unsigned>(trace.lines.size() + 1);
        if (line.when) last_ = std::max(last_, line.when->end);
        trace.lines.push_back(std::move(line));
    }

    Observation& out_;
    Nanoseconds last_;
};

// {a} is the address of the function a.
std::vector<std::string> with_addresses(std::vector<std::string> command, const RigFile& file) {
    for (auto& word : command)
        for (const auto& f : file.functions) {
            const auto placeholder = "{" + f.name + "}";
            for (std::size_t at = 0; (at = word.find(placeholder, at)) != std::string::npos;
                 at += f.bdf.str().size())
                word.replace(at, placeholder.size(), f.bdf.str());
        }
    return command;
}

TapRequest request_for(const RigFile& file, const ObserveOptions& options) {
    TapRequest out{options.limit, {}, with_addresses(options.command, file)};
    for (const auto& f : file.functions) out.devices.push_back(fmt::format("{}={}", f.name, f.bdf.str()));
    const auto found = out.command.empty() ? std::string() : find_program(out.command.front());
    if (found.empty())
        throw LabError(
            fmt::format("there is no program '{}'", out.command.empty() ? "" : out.command.front()));
    out.command.front() = std::filesystem::canonical(found).string();
    return out;
}

void observe_locally(const TapRequest& request, Observation& out, Recording& recording) {
    Console console({}, {});
    auto [ours, theirs] = make_wire();
    Channel channel(std::move(ours), console);
    std::vector<std::string> argv{"landfall", "tap", "--limit", std::to_string(request.limit.count())};
    for (const auto& d : request.devices) argv.insert(argv.end(), {"--device", d});
    argv.emplace_back("--");
    argv.insert(argv.end(), request.command.begin(), request.command.end());
    KeptProgram tap({landfall_program(), std::move(argv), {}, -1, theirs.get(), STDERR_FILENO});
    theirs.reset();
    recording.run(channel, request.limit);
    // Its functions go back to their drivers before anybody else wants them.
    std::ignore = tap.wait(kAround);
    out.console.clear();
}

void observe_in_guest(const RigFile& file, RigOptions boot, const TapRequest& request,
                      const ObserveOptions& options, Observation& out, Recording& recording) {
    boot.carry.emplace_back(request.command.front());
    for (const auto& path : options.files) boot.carry.push_back(std::filesystem::canonical(path));
    const auto rig = start_qemu_rig(file, boot);
    if (options.show) rig->show_console(options.show);
    recording.run(rig->start(print(request)), request.limit);
    out.console = rig->console();
}

}  // namespace

std::string ObservedEnd::str() const {
    if (how == How::stopped) return "stopped";
    const auto* name = how == How::killed ? sigabbrev_np(number) : nullptr;
    if (how == How::killed)
        return fmt::format("killed {}", name != nullptr ? "SIG" + std::string(name) : std::to_string(number));
    return fmt::format("exited {}", number);
}

std::string print(const ObservedEnd& end) {
    return fmt::format("{}{} {}", kProgram, kHow.at(static_cast<std::size_t>(end.how)), end.number);
}

std::optional<ObservedEnd> parse_end(std::string_view line) {
    if (!line.starts_with(kProgram)) return std::nullopt;
    line.remove_prefix(kProgram.size());
    const auto how = std::ranges::find(kHow, line.substr(0, line.find(' ')));
    if (how == kHow.end() || line.find(' ') == std::string_view::npos) return std::nullopt;
    ObservedEnd out{static_cast<ObservedEnd::How>(how - kHow.begin()), 0};
    const auto digits = line.substr(line.find(' ') + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.number);
    return error == std::errc{} && end == digits.data() + digits.size() ? std::optional(out) : std::nullopt;
}

std::string print(const TapRequest& request) {
    auto out = fmt::format("{}{}", kTap, request.limit.count());
    for (const auto& d : request.devices) out += " " + d;
    for (const auto& word : request.command) out += " " + quote(word);
    return out;
}

TapRequest parse_request(std::string_view line) {
    Cursor in(line, "<request>", 0);
    in.expect(kTap.substr(0, kTap.size() - 1));
    TapRequest out{milliseconds(in.number("a limit in milliseconds")), {}, {}};
    while (!in.at_end() && !in.peek().starts_with('"')) out.devices.emplace_back(in.word("a function"));
    while (!in.at_end()) out.command.push_back(in.quoted());
    if (out.command.empty()) in.fail_here("a program");
    return out;
}

Observation observe(const RigFile& file, RigOptions boot, const ObserveOptions& options) {
    if (file.kind == RigFile::Kind::sim)
        throw LabError(fmt::format("rig {} is simulated: there is no kernel a program could call", file.name),
                       "take a rig of kind qemu or local: landfall rig list");
    if (std::ranges::any_of(file.functions, [](const RigFunction& f) { return f.vf.has_value(); }))
        throw LabError(fmt::format("rig {} has virtual functions, whose physical function the program would need", file.name),
                       "take a rig without `vfs` or `vf`");
    const auto request = request_for(file, options);
    Observation out;
    Recording recording(file, out);
    if (file.kind == RigFile::Kind::local)
        observe_locally(request, out, recording);
    else
        observe_in_guest(file, std::move(boot), request, options, out, recording);
    return out;
}

}  // namespace landfall
