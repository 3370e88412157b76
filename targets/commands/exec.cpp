// `landfall exec`: the one program on a rig. Steps on stdin, trace on stdout, log on stderr.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <utility>

#include "commands/boot_options.hpp"
#include "commands/commands.hpp"
#include "landfall/runner.hpp"
#include "landfall/scenario.hpp"
#include "landfall/validate.hpp"
#include "linux/guest_witness.hpp"
#include "linux/linux_target.hpp"
#include "linux/loan.hpp"

namespace landfall {
namespace {

// The trace goes to stdout. DMAs come by the thousand, and over a wire each write costs more than the line: they wait for
// company, but not for long, and not where anything else is to be told.
class Output {
  public:
    Output() { std::setvbuf(stdout, nullptr, _IOFBF, kBytes); }

    void put(std::string text, bool may_wait = false) {
        text += '\n';
        const std::lock_guard lock(mutex_);
        std::fwrite(text.data(), 1, text.size(), stdout);
        const auto now = std::chrono::steady_clock::now();
        if (may_wait && now < flushed_ + kWait) return;
        std::fflush(stdout);
        flushed_ = now;
    }
    void put(const Line& line) {
        put(print(line), line.event() != nullptr && std::holds_alternative<DmaEvent>(*line.event()));
    }
    void put_lab_event(const std::string& why) {
        Line line;
        line.when = Interval{};
        line.body = Event{LabEvent{why}};
        put(line);
    }

  private:
    static constexpr std::size_t kBytes = 1U << 16;
    static constexpr std::chrono::milliseconds kWait{5};
    std::mutex mutex_;
    std::chrono::steady_clock::time_point flushed_;
};

/// Byte by byte: what follows the line is for another reader. Who waits here is a machine whose clock counts instructions: it must not
/// be idle, or its time jumps from timer to timer as fast as the host goes, hours in the second that an answer takes.
bool read_line(int fd, std::string& line) {
    line.clear();
    for (pollfd input{fd, POLLIN, 0}; poll(&input, 1, 0) == 0;) {
    }
    for (char c = 0; read(fd, &c, 1) == 1; line += c)
        if (c == '\n') return true;
    return false;
}

// Who sees all memory is at the other end of our lines, if anybody is. After a step that was not met its `end` is still
// to be read; nothing else may come before the answer.
std::unique_ptr<GuestWitness> find_witness(const ExecArguments& arguments, LineReader& reader, Output& output) {
    if (!arguments.witness) return nullptr;
    if (!GuestWitness::possible()) {
        fmt::print(stderr, "landfall: DMA outside the lab's memory is not looked for: the kernel lacks CONFIG_PROC_PAGE_MONITOR\n");
        return nullptr;
    }
    return std::make_unique<GuestWitness>([&, answers = arguments.answers](const std::vector<std::string>& question) {
        for (const auto& line : question) output.put(line);
        std::string answer;
        while (answers == STDIN_FILENO ? reader.next(answer) : read_line(answers, answer))
            if (answer != "end") return answer;
        throw LabError("nobody answers for the machine's memory");
    });
}

// Runs lines as they come until `end` or the end of the input. A block of lanes begins to run when it is known to be
// complete: with the next step that is in no lane, or with `go`.
void serve(Runner& runner, LineReader& reader, Output& output) {
    Validator validator("<stdin>");
    std::vector<Line> block;
    const auto run_block = [&] { return block.empty() || runner.block(std::exchange(block, {})); };
    std::string text;
    while (reader.next(text) && text != "end") {
        if (text == "go") {
            if (!run_block()) return;
            continue;
        }
        auto line = as_scenario(parse_line(text, "<stdin>", reader.number()));
        if (line.step() == nullptr) {
            if (!line.comment.empty()) output.put(line);
            continue;
        }
        validator.step(line, text);
        if (line.lane != 0) {
            block.push_back(std::move(line));
            continue;
        }
        if (!run_block()) return;
        line = runner.step(std::move(line));
        output.put(line);
        if (std::holds_alternative<Unmet>(*line.observed)) return;
    }
    run_block();
}

}  // namespace

ExitStatus exec_steps(const ExecArguments& arguments) {
    Output output;
    try {
        auto devices = parse_devices(arguments.devices);
        // A disk somebody uses is not even taken from its driver.
        for (const auto& d : devices) check_scratch(d);
        const Loan loan(std::move(devices));
        LinuxTarget target(loan.functions(), arguments.api, arguments.machine != nullptr ? *arguments.machine : discover());
        LineReader reader(std::cin, "<stdin>");
        const auto witness = find_witness(arguments, reader, output);
        Runner runner(target, [&](const Line& line) { output.put(line); }, witness.get(),
                      arguments.bare_pumps ? Runner::Pumps::bare : Runner::Pumps::reported);
        for (const auto& line : runner.begin()) output.put(line);
        serve(runner, reader, output);
        for (const auto& line : runner.finish()) output.put(line);
        return ExitStatus::pass;
    } catch (const std::exception& e) {
        // On stdout as well: over a wire the other side sees nothing else.
        output.put_lab_event(e.what());
        throw;
    }
}

void add_exec(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("exec", "run steps from stdin on this machine, write the trace to stdout");
    const auto arguments = std::make_shared<ExecArguments>();
    command
        ->add_option("--device", arguments->devices,
                     "a function to bind, and its name in the scenario: NAME=BDF, or NAME=BDF/virtfnN for a virtual "
                     "function to be made; ',scratch' behind it if what it stores may be overwritten")
        ->required();
    command->add_flag("--witness", arguments->witness,
                      "who gives the steps sees all memory of this machine: ask where DMA went");
    add_api_option(*command, arguments->api);
    command->add_flag("--bare-pumps", arguments->bare_pumps,
                      "pumps only count: nobody looks where their DMA lands (landfall speed compares)");
    command->callback([arguments, &status] { status = exec_steps(*arguments); });
}

}  // namespace landfall
