#include "landfall/checker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "landfall/checker_impl.hpp"
#include "landfall/validate.hpp"

namespace landfall {
namespace {

// What a step makes nobody else can name before the block is over, so it may as well come first.
bool makes(const Step& step) {
    return std::holds_alternative<Buffer>(step) || std::holds_alternative<Ioas>(step);
}

// The answer to such a step does not hang on what was done before.
bool is_traffic(const Step& step) {
    return (!driven_by(step).empty() && !std::holds_alternative<DeviceControl>(step)) ||
           std::holds_alternative<Sleep>(step) || std::holds_alternative<Witness>(step);
}

// When the DMAs that a step of a block began were over, as far as the block tells.
Nanoseconds over(const std::vector<Line>& block, const Line& begin) {
    if (std::holds_alternative<Dma>(*begin.step())) return begin.when->end;
    for (const auto& line : block)
        if (line.number > begin.number && line.lane == begin.lane && line.step() != nullptr &&
            (std::holds_alternative<Wait>(*line.step()) || std::holds_alternative<Halt>(*line.step())) &&
            driven_by(*line.step()) == driven_by(*begin.step()))
            return line.when->end;
    return block.back().when->end;
}

}  // namespace

// ---- in order of the trace --------------------------------------------------------------------------------

void Checker::Impl::feed(Line&& line) {
    // Of another run: nothing in it is judged.
    if (end && line.body.index() != 0) return stop(line, "the trace goes on behind its 'end'");
    if (const auto* f = line.fact())
        fact(*f);
    else if (line.event() != nullptr)
        event(std::move(line));
    else if (line.step() != nullptr)
        step(std::move(line));
}

void Checker::Impl::fact(const Fact& f) {
    if (const auto* e = std::get_if<EndFact>(&f)) {
        end = e->steps;
        end_of_block();
        if (!stopped.empty()) return;
        settle(true);
        judge_debts();
        return;
    }
    scene.learn(f);
    if (!stopped.empty()) return;  // in the middle of a block, perhaps: the worlds may be half way from one step to the next
    for (auto& world : worlds)
        for (const auto& change : world.model->fact(f)) world.history.apply(change, std::nullopt, 0);
}

void Checker::Impl::event(Line&& line) {
    std::visit(Overloaded{
                   [&](const FaultEvent&) {
                       ++verdict.faults;
                       if (stopped.empty()) traffic.defer(std::move(line));
                   },
                   [&](const DmaEvent& e) {
                       verdict.dmas += e.times;
                       if (stopped.empty()) traffic.defer(std::move(line));
                   },
                   [&](const KernelEvent& e) {
                       report(broken(KernelCase{line, e}));
                   },
                   [&](const StrayEvent& e) {
                       if (!stopped.empty()) return;
                       if (block.empty())
                           stray(line, e);
                       else
                           block.push_back(std::move(line));
                   },
                   [&](const LabEvent& e) { stop(line, "the lab: " + e.text); },
               },
               *line.event());
    if (!stopped.empty()) return;
    settle(false);
    traffic.relieve([&](const Line& waiting) { return clear(waiting); });
}

void Checker::Impl::stray(const Line& line, const StrayEvent& e) {
    // No mapping of the lab's leads to other memory, so no DMA accounts for what is there.
    const auto* slice = std::get_if<BufferSlice>(&e.place);
    const bool known_writer = slice != nullptr && std::ranges::any_of(worlds, [&](const World& world) {
        return traffic.may_still_write(world.history, line.when->end, scene.memory(*slice), scene.length(*slice));
    });
    report(broken(StrayCase{line, e, known_writer}));
}

void Checker::Impl::step(Line&& line) {
    ++verdict.steps;
    if (!stopped.empty()) return;
    if (!line.when || !line.observed) return stop(line, "the step was not run: it has no times");
    if (line.lane == 0) {
        end_of_block();
        if (!stopped.empty()) return;
        traffic.step_begins(line.when->begin);
        settle(false);
    }
    if (const auto* unmet = std::get_if<Unmet>(&*line.observed)) {
        verdict.kind = Verdict::Kind::unmet;
        stopped = unmet->reason;
        return;
    }
    if (const auto* broke = std::get_if<Broken>(&*line.observed)) return stop(line, broke->reason);
    if (moves_views(*line.step())) traffic.views_moved(*line.when, line.number);
    for (const auto& name : devices_of(*line.step()))
        if (worlds.best().history.find(name) == nullptr)
            return stop(line, fmt::format("no device fact for '{}'", name));
    if (line.expected) report(broken(ExpectationCase{line}));
    if (line.lane != 0) return block.push_back(std::move(line));
    if (const auto* answer = std::get_if<Answer>(&*line.observed)) control(line, *answer);
    traffic_step(line);
    judge_faults();
    worlds.forget(traffic.watermark());
}

void Checker::Impl::control(const Line& line, const Answer& answer) {
    const auto& s = *line.step();
    report(worlds.explain([&](World& world) {
        const auto prediction = world.model->predict(s);
        return broken(
            AnswerCase{line,
                       answer,
                       prediction,
                       prediction.allows(answer) ? world.model->objection(s, answer) : std::string(),
                       {},
                       &world.history});
    }));
    if (const auto* b = std::get_if<Buffer>(&s); b != nullptr && answer.error.ok())
        scene.buffers[b->name] = *b;
    for (auto& world : worlds)
        for (const auto& change : world.model->apply(s, answer))
            world.history.apply(change, line.when, line.number);
}

void Checker::Impl::traffic_step(const Line& line) {
    std::visit(Overloaded{
                   [&](const Dma& s) { landed(line, line.number, s.request, *line.when); },
                   [&](const Start& s) { traffic.start(s.request, line.when->begin, line.number, false); },
                   [&](const Pump& s) { traffic.start(s.request, line.when->begin, line.number, true); },
                   [&](const Halt& s) { static_cast<void>(traffic.finish(s.device)); },
                   [&](const Wait& s) {
                       const auto flight = traffic.finish(s.device);
                       if (!flight) return stop(line, "no DMA was started that this step could wait for");
                       landed(line, flight->line, flight->request, {flight->window.begin, line.when->end});
                   },
                   [&](const View& s) { view(line, s); },
                   [](const auto&) {},
               },
               *line.step());
}

// ---- steps that ran side by side --------------------------------------------------------------------------

// All steps of the block are known now, so that its DMAs, too, can be told what they met.
void Checker::Impl::end_of_block() {
    if (block.empty() || !stopped.empty()) return;
    const auto lines = std::exchange(block, {});
    std::vector<const Line*> steps;
    for (const auto& line : lines) {
        const auto* answer = line.observed ? std::get_if<Answer>(&*line.observed) : nullptr;
        if (line.step() == nullptr || answer == nullptr) continue;
        if (makes(*line.step()) || is_traffic(*line.step()))
            control(line, *answer);
        else
            steps.push_back(&line);
    }
    if (!steps.empty()) control_block(steps);
    announce_block(lines);
    for (const auto& line : lines) {
        if (!stopped.empty()) return;
        if (line.step() != nullptr)
            traffic_step(line);
        else
            stray(line, std::get<StrayEvent>(*line.event()));
    }
}

void Checker::Impl::control_block(const std::vector<const Line*>& steps) {
    std::string too_many;
    const auto stuck = worlds.play(steps, too_many);
    if (!too_many.empty()) return stop(*steps.back(), too_many);
    for (const auto& s : stuck) {
        const auto& line = *steps[s.step];
        std::vector<unsigned> beside;
        for (const auto i : s.beside) beside.push_back(steps[i]->number);
        report(broken(AnswerCase{line, std::get<Answer>(*line.observed), s.prediction, s.objection, beside, nullptr}));
    }
    // The answers are judged; what they did to devices whose owners know nothing of it is not.
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (std::ranges::find(stuck, i, &Stuck::step) != stuck.end()) continue;
        const auto& answer = std::get<Answer>(*steps[i]->observed);
        report(worlds.explain([&](World& world) {
            return broken(AnswerCase{*steps[i], answer, {}, {}, {}, &world.history});
        }));
    }
}

void Checker::Impl::announce_block(const std::vector<Line>& lines) {
    for (const auto& line : lines)
        if (const auto* request = line.step() == nullptr ? nullptr : begun_by(*line.step()))
            traffic.announce(*request, {line.when->begin, over(lines, line)});
}

// ---- the verdict ------------------------------------------------------------------------------------------

std::vector<Violation> Checker::Impl::broken(const Case& happened) const {
    std::vector<Violation> found;
    for (const auto& rule : rule_table()) {
        const auto before = found.size();
        rule.check(happened, found);
        for (auto i = before; i < found.size(); ++i) {
            auto& v = found[i];
            v.rule = rule.id;
            v.promise = rule.promise;
            v.source = rule.source;
            if (const auto* known = find_known(options.known, scene, v)) v.known = known->reference;
        }
    }
    return found;
}

void Checker::Impl::report(std::vector<Violation> found) {
    for (auto& v : found) {
        if (v.known.empty()) ++new_violations;
        if (verdict.violations.size() < options.max_violations)
            verdict.violations.push_back(std::move(v));
        else
            ++verdict.dropped;
    }
}

void Checker::Impl::stop(const Line& line, const std::string& reason) {
    if (stopped.empty()) stopped = fmt::format("line {}: {}", line.number, reason);
}

// Why the trace proves nothing; empty if it does.
std::string Checker::Impl::doubt(bool cut) const {
    if (!stopped.empty()) return stopped;
    if (cut) return "the trace breaks off inside a line";
    if (!end) return "the trace has no 'end': the run did not come to its end";
    if (*end != verdict.steps)
        return fmt::format("'end' counts {} steps, the trace has {}", *end, verdict.steps);
    return verdict.steps == 0 ? "the trace has no step" : "";
}

Verdict Checker::Impl::finish(bool cut) const {
    auto out = verdict;
    out.reason = doubt(cut);
    if (new_violations > 0)
        out.kind = Verdict::Kind::violation;
    else if (out.kind != Verdict::Kind::unmet && !out.reason.empty())
        out.kind = Verdict::Kind::inconclusive;
    return out;
}

// ---- the face ---------------------------------------------------------------------------------------------

Checker::Checker(CheckOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Checker::~Checker() = default;
Checker::Checker(Checker&&) noexcept = default;
Checker& Checker::operator=(Checker&&) noexcept = default;

void Checker::feed(Line&& line) {
    try {
        impl_->feed(std::move(line));
    } catch (const TooManyMappings& e) {
        impl_->stop(line, e.what());
    }
}
const std::vector<Violation>& Checker::violations() const { return impl_->verdict.violations; }
Verdict Checker::finish(bool cut) const { return impl_->finish(cut); }

}  // namespace landfall
