#include "rig/rig_keeper.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "landfall/error.hpp"

namespace landfall {

// One that is not fit is not kept, or it would be handed out to who asks again.
Rig& RigKeeper::get() {
    if (rig_) return *rig_;
    auto rig = start_(file_, options_);
    const auto problems = rig->known_fit() ? std::vector<std::string>() : check_rig(*rig);
    if (!problems.empty())
        throw LabError(fmt::format("rig {} is not fit: {}", file_.name, fmt::join(problems, "; ")),
                       "landfall rig check " + file_.name);
    rig_ = std::move(rig);
    used_ = false;
    return *rig_;
}

RunResult RigKeeper::run(const Scenario& scenario, const RunOptions& options) {
    const auto once = [&] {
        auto result = run_scenario(get(), scenario, options);
        used_ = true;
        after(result);
        return result;
    };
    try {
        return once();
    } catch (const LabError& e) {
        if (!rig_ || !used_) throw;
        if (options_.log) options_.log(fmt::format("{}: no session begins on it any more; starting another", e.what()));
        leave();
    }
    return once();
}

void RigKeeper::after(const RunResult& result) {
    if (result.rig_lost || !result.verdict.violations.empty()) leave();
}

}  // namespace landfall
