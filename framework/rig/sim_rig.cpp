#include "rig/sim_rig.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "landfall/error.hpp"
#include "sim/random_decider.hpp"

namespace landfall {
namespace {

class SimSession final : public Session {
  public:
    SimSession(const sim::Config& config, std::uint64_t seed)
        : decider_(seed),
          play_(config, decider_,
                [this](const Line& line) {
                    if (on_line_) on_line_(line);
                }),
          head_(play_.head()) {}

    [[nodiscard]] const std::vector<Line>& head() const override { return head_; }
    void run(std::span<const Line> steps, const OnLine& on_line) override {
        on_line_ = on_line;
        play_.run(steps);
    }
    void finish(const OnLine& on_line) override {
        on_line_ = on_line;
        play_.finish();
    }

  private:
    sim::RandomDecider decider_;
    OnLine on_line_;
    sim::Play play_;
    std::vector<Line> head_;
};

}  // namespace

sim::Config sim_config(const RigFile& file, const std::vector<std::string>& faults) {
    if (file.kind != RigFile::Kind::sim)
        throw LabError(fmt::format("{} is no simulated rig", file.name), "a rig file of kind sim, such as sim");
    sim::Config config;
    for (const auto& f : file.functions) {
        const auto in = std::ranges::find_if(
            file.groups, [&](const auto& names) { return std::ranges::find(names, f.name) != names.end(); });
        const auto group = static_cast<std::uint32_t>(1 + (in - file.groups.begin()));
        config.functions.push_back({f.name, f.bdf, group, f.alias, f.unit});
    }
    for (const auto& name : faults) config.faults.add(sim::fault_named(name));
    return config;
}

SimRig::SimRig(RigFile file, const RigOptions& options)
    : file_(std::move(file)), config_(sim_config(file_, options.faults)), seed_(options.seed) {}

std::unique_ptr<Session> SimRig::session(const std::vector<std::string>& devices) {
    static_cast<void>(chosen_functions(file_, devices));  // refuses names it does not have
    return std::make_unique<SimSession>(config_, seed_);
}

}  // namespace landfall
