// `landfall soak --rig NAME`: groups are moved and pages remapped under the DMA of every device, for minutes or days.
#include <fmt/format.h>
#include <sys/resource.h>

#include <filesystem>
#include <map>
#include <memory>

#include "commands/boot_options.hpp"
#include "commands/commands.hpp"
#include "commands/results.hpp"
#include "landfall/report.hpp"
#include "os/files.hpp"
#include "rig/known_file.hpp"
#include "rig/soak.hpp"

namespace landfall {
namespace {

struct Arguments {
    std::string rig = "sim", output;
    RigOptions boot;
    SoakOptions options;
    std::uint64_t time = 60'000, round = 10'000;  // ms
    bool quiet = false;
};

// Of this process, at most so far.
long resident_kib() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

class Teller {
  public:
    explicit Teller(const Arguments& arguments) : arguments_(arguments) {}

    void operator()(std::uint64_t seed, const RunResult& round) {
        const auto& v = round.verdict;
        kib_.push_back(resident_kib());
        if (!arguments_.quiet)
            fmt::print(stderr, "landfall: round {}: {}, {} steps, {} DMAs, {} faults\n", seed, word_for(round), v.steps,
                       v.dmas, v.faults);
        if (v.kind == Verdict::Kind::pass) return;
        auto kept = round;
        const auto proof = prove(kept, arguments_.options.check);
        const auto name = fmt::format("soak-{}", seed);
        for (const auto& violation : kept.verdict.violations) {
            if (!violation.known.empty()) continue;
            if (!told_) fmt::print("{}\n", explain(kept.trace, violation));
            told_ = true;
            break;
        }
        if (arguments_.output.empty()) return;
        std::filesystem::create_directories(arguments_.output);
        keep_files(arguments_.output, name, kept, proof);
        fmt::print("round {}: {}: kept in {}/{}.*\n", seed, word_for(round), arguments_.output, name);
    }
    /// Most memory this process had by half of the rounds, and by the last; in MiB.
    [[nodiscard]] std::pair<long, long> memory() const {
        if (kib_.empty()) return {};
        return {kib_[(kib_.size() - 1) / 2] / 1024, kib_.back() / 1024};
    }

  private:
    const Arguments& arguments_;
    std::vector<long> kib_;  ///< round by round
    bool told_ = false;
};

ExitStatus run(Arguments& a) {
    a.options.time = std::chrono::milliseconds(a.time);
    a.options.round = std::chrono::milliseconds(a.round);
    a.options.check.known = load_known();
    a.boot.log = [quiet = a.quiet](const std::string& text) {
        if (!quiet) fmt::print(stderr, "landfall: {}\n", text);
    };
    Teller teller(a);
    a.options.on_round = std::ref(teller);
    RigKeeper rig(load_rig(a.rig), a.boot);
    const auto r = soak(rig, a.options);
    for (const auto& [rule, n] : r.by_rule) fmt::print("{} of {}\n", n, rule);
    for (const auto& [reference, n] : r.known) fmt::print("known, met in {} of {} rounds: {}\n", n, r.rounds, reference);
    if (!r.reason.empty()) fmt::print("the first round that proved nothing: {}\n", r.reason);
    const auto seconds = std::max(r.took.count(), 1e-9);
    fmt::print(
        "{} rounds, {} steps, {} DMAs ({} reached memory), {} faults in {:.1f} s ({:.0f} DMAs/s) on {}: {} rounds with "
        "a violation, {} inconclusive\n",
        r.rounds, r.steps, r.dmas, r.reached, r.faults, seconds, static_cast<double>(r.dmas) / seconds, a.rig,
        r.violating, r.inconclusive);
    const auto [half, all] = teller.memory();
    fmt::print("memory: at most {} MiB in the first half of the rounds, {} MiB in all\n", half, all);
    return r.exit_status();
}

}  // namespace

void add_soak(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("soak", "move groups and remap pages under the DMA of every device");
    const auto arguments = std::make_shared<Arguments>();
    auto& a = *arguments;
    const std::map<std::string, std::uint64_t> units{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
    const auto duration = [&](const char* name, std::uint64_t& value, const char* what) {
        command->add_option(name, value, what)
            ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED, "TIME"));
    };
    command->add_option("--rig", a.rig, "a rig that ships (landfall rig list) or a rig file")->capture_default_str();
    duration("--time", a.time, "how long: 30s, 10m, 24h [1m]");
    duration("--round", a.round, "of one trace, about; one that is right is not kept [10s]");
    command->add_option("--steps", a.options.steps, "of a round, at most [as many as fit]");
    command->add_option("--seed", a.options.seed, "of the first round")->capture_default_str();
    command->add_option("--model", a.options.check.model, "what the rig is judged by [what its traces say it is]");
    command->add_flag("--keep-going", a.options.keep_going, "do not stop at the first round with a violation");
    command->add_option("--fault", a.boot.faults, "of a simulated rig: what it gets wrong (landfall faults)");
    add_boot_options(*command, a.boot);
    command->add_option("-o,--output", a.output, "directory for the rounds in which something was found");
    command->add_flag("-q,--quiet", a.quiet, "no progress on stderr");
    command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace landfall
