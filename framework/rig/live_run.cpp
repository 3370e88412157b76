#include "rig/live_run.hpp"

namespace landfall {
namespace {

constexpr const char* kFile = "<live>";

}  // namespace

LiveRun::LiveRun(Rig& rig, const std::vector<std::string>& devices, RunOptions options)
    : options_(std::move(options)),
      rig_(rig),
      console_before_(rig.console().size()),
      recorder_(kFile, options_),
      validator_(kFile),
      session_(rig.session(devices)) {
    recorder_.add(rig_line(rig.file()));
    for (const auto& line : session_->head()) recorder_.add(line);
}

Outcome LiveRun::step(const std::string& text) {
    const auto line = as_scenario(parse_line(text, kFile, steps_ + 1));
    if (line.step() == nullptr) throw TextError({kFile, steps_ + 1, 1}, text, "a step");
    auto validator = validator_;  // a line that is refused must leave no name behind
    validator.step(line, text);
    if (over_) throw LabError("the session is over: a step before was not met, or broke");
    try {
        const auto ran = session_->step(line, [this](const Line& event) { recorder_.add(event); });
        recorder_.add(ran);
        validator_ = std::move(validator);
        ++steps_;
        over_ = std::holds_alternative<Unmet>(*ran.observed) || std::holds_alternative<Broken>(*ran.observed);
        return *ran.observed;
    } catch (const RigDied& death) {
        mourn(death);
        throw;
    }
}

RunResult LiveRun::finish() {
    if (!lost_) {
        try {
            session_->finish([this](const Line& line) { recorder_.add(line); });
        } catch (const RigDied& death) {
            mourn(death);
        }
    }
    auto result = recorder_.finish();
    result.rig_lost = lost_;
    result.console = rig_.console().substr(console_before_);
    return result;
}

void LiveRun::mourn(const RigDied& death) {
    recorder_.add(obituary(death, recorder_.last_time()));
    lost_ = over_ = true;
}

}  // namespace landfall
