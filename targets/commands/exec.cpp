// `landfall exec`: the one program on a rig. Steps on stdin, trace on stdout, log on stderr.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <utility>

#include "commands/commands.hpp"
#include "landfall/runner.hpp"
#include "landfall/scenario.hpp"
#include "landfall/validate.hpp"
#include "linux/guest_witness.hpp"
#include "linux/linux_target.hpp"
#include "linux/sysfs.hpp"
#include "os/keeper.hpp"

namespace landfall {
namespace {

void put(std::string text) {
    text += '\n';
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

void put(const Line& line) { put(print(line)); }

void put_lab_event(const std::string& why) {
    Line line;
    line.when = Interval{};
    line.body = Event{LabEvent{why}};
    put(line);
}

// Hands the functions back to their drivers when this process is gone, however it went. Taken while there is only one
// thread, so the keeper may use the whole library.
class Loan {
  public:
    explicit Loan(const std::vector<NamedDevice>& functions) {
        for (const auto& f : functions) bindings_.emplace_back(f.bdf);
        keeper_.emplace([bindings = bindings_] {
            for (const auto& b : bindings) b.restore();
        });
        for (auto& b : bindings_) b.take();
    }
    [[nodiscard]] std::string node(std::size_t i) const { return bindings_[i].device_node(); }

  private:
    std::vector<DriverBinding> bindings_;
    std::optional<Keeper> keeper_;  ///< restores when it is destroyed, too
};

constexpr std::string_view kScratch = ",scratch";

std::vector<NamedDevice> parse_devices(const std::vector<std::string>& arguments) {
    std::vector<NamedDevice> out;
    for (const auto& text : arguments) {
        const bool scratch = text.ends_with(kScratch);
        const auto place = text.substr(0, text.size() - (scratch ? kScratch.size() : 0));
        const auto equals = place.find('=');
        const auto bdf = equals == std::string::npos ? std::nullopt : Bdf::parse(place.substr(equals + 1));
        if (!bdf) throw TextError({"--device", 0, 0}, text, "NAME=BDF or NAME=BDF,scratch, such as a=0000:00:08.0");
        out.push_back({place.substr(0, equals), *bdf, {}, scratch});
    }
    return out;
}

// Who sees all memory is at the other end of our lines, if anybody is. After a step that was not met its `end` is still
// to be read; nothing else may come before the answer.
std::unique_ptr<GuestWitness> find_witness(bool wanted, LineReader& reader) {
    if (!wanted) return nullptr;
    try {
        return std::make_unique<GuestWitness>([&reader](const std::vector<std::string>& question) {
            for (const auto& line : question) put(line);
            std::string answer;
            while (reader.next(answer))
                if (answer != "end") return answer;
            throw LabError("nobody answers for the machine's memory");
        });
    } catch (const LabError& e) {
        fmt::print(stderr, "landfall: DMA outside the lab's memory is not looked for: {} ({})\n", e.what(), e.hint());
        return nullptr;
    }
}

// Runs lines as they come until `end` or the end of the input. A block of lanes begins to run when it is known to be
// complete: with the next step that is in no lane, or with `go`.
void serve(Runner& runner, LineReader& reader) {
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
            if (!line.comment.empty()) put(line);
            continue;
        }
        validator.step(line, text);
        if (line.lane != 0) {
            block.push_back(std::move(line));
            continue;
        }
        if (!run_block()) return;
        line = runner.step(std::move(line));
        put(line);
        if (std::holds_alternative<Unmet>(*line.observed)) return;
    }
    run_block();
}

ExitStatus exec(const std::vector<std::string>& arguments, bool wants_witness) {
    try {
        auto devices = parse_devices(arguments);
        // A disk somebody uses is not even taken from its driver.
        for (const auto& d : devices) check_scratch(d);
        const Loan loan(devices);
        for (std::size_t i = 0; i < devices.size(); ++i) devices[i].node = loan.node(i);
        LinuxTarget target(std::move(devices));
        LineReader reader(std::cin, "<stdin>");
        const auto witness = find_witness(wants_witness, reader);
        Runner runner(target, [](const Line& line) { put(line); }, witness.get());
        for (const auto& line : runner.begin()) put(line);
        serve(runner, reader);
        for (const auto& line : runner.finish()) put(line);
        return ExitStatus::pass;
    } catch (const std::exception& e) {
        // On stdout as well: over a wire the other side sees nothing else.
        put_lab_event(e.what());
        throw;
    }
}

}  // namespace

void add_exec(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("exec", "run steps from stdin on this machine, write the trace to stdout");
    const auto devices = std::make_shared<std::vector<std::string>>();
    const auto witness = std::make_shared<bool>(false);
    command
        ->add_option("--device", *devices,
                     "a function to bind, and its name in the scenario: NAME=BDF; NAME=BDF,scratch if what it stores "
                     "may be overwritten")
        ->required();
    command->add_flag("--witness", *witness, "who gives the steps sees all memory of this machine: ask where DMA went");
    command->callback([devices, witness, &status] { status = exec(*devices, *witness); });
}

}  // namespace landfall
