#include "rig/sim_rig.hpp"

#include <algorithm>

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

sim::Config sim_config(const RigFile& file) {
    sim::Config config;
    for (const auto& f : file.functions) {
        const auto in = std::ranges::find_if(
            file.groups, [&](const auto& names) { return std::ranges::find(names, f.name) != names.end(); });
        const auto group = static_cast<std::uint32_t>(1 + (in - file.groups.begin()));
        config.functions.push_back({f.name, f.bdf, group, f.alias, f.unit});
    }
    return config;
}

SimRig::SimRig(RigFile file, const RigOptions& options)
    : file_(std::move(file)), config_(sim_config(file_)), seed_(options.seed) {
    for (const auto& name : options.faults) config_.faults.add(sim::fault_named(name));
}

std::unique_ptr<Session> SimRig::session(const std::vector<std::string>& devices) {
    static_cast<void>(chosen_functions(file_, devices));  // refuses names it does not have
    return std::make_unique<SimSession>(config_, seed_);
}

}  // namespace landfall
