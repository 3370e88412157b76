#include "landfall/checker.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "landfall/faults.hpp"
#include "landfall/rules/rule.hpp"
#include "landfall/traffic.hpp"
#include "landfall/validate.hpp"

namespace landfall {
namespace {

constexpr std::uint64_t kViewBytes = 64;  // what `view` reads of the beacon page

}  // namespace

struct Checker::Impl {
    explicit Impl(CheckOptions o) : options(std::move(o)), model(make_model(options.model)) {}

    void feed(const Line& line);
    [[nodiscard]] Verdict finish(bool cut) const;

    void fact(const Fact& fact);
    void event(const Line& line);
    void step(const Line& line);
    void control(const Line& line, const Answer& answer);
    void traffic_step(const Line& line);
    void view(const Line& line, const View& step);
    [[nodiscard]] Account account(const DmaRequest& request, const Interval& window,
                                  const Landing& landing) const;
    void landed(const Line& line, unsigned start_line, const DmaRequest& request, const Interval& window);

    void settle(bool everything);
    void settled_dma(const Line& line, const DmaEvent& dma);
    [[nodiscard]] bool clear(const Line& event);
    void judge_faults();
    [[nodiscard]] bool explained(const FaultEvent& fault, Nanoseconds at) const;
    [[nodiscard]] bool answers_to(const std::string& device, Bdf requester) const;

    void judge(const Case& happened);
    void stop(const Line& line, const std::string& reason);
    [[nodiscard]] std::string doubt(bool cut) const;

    CheckOptions options;
    std::unique_ptr<Model> model;
    History history;
    Scene scene;
    Traffic traffic;
    FaultLog faults;
    std::vector<Line> open_faults;  ///< reported, settled, and so far explained by no DMA
    Verdict verdict;
    std::uint64_t new_violations = 0;  ///< those not known
    std::string stopped;               ///< why nothing further is judged
    std::optional<std::uint64_t> end;
};

// ---- in order of the trace --------------------------------------------------------------------------------

void Checker::Impl::feed(const Line& line) {
    if (const auto* f = line.fact())
        fact(*f);
    else if (line.event() != nullptr)
        event(line);
    else if (line.step() != nullptr)
        step(line);
}

void Checker::Impl::fact(const Fact& f) {
    if (const auto* e = std::get_if<EndFact>(&f)) {
        end = e->steps;
        if (stopped.empty()) settle(true);
        return;
    }
    scene.learn(f);
    for (const auto& change : model->fact(f)) history.apply(change, std::nullopt, 0);
}

void Checker::Impl::event(const Line& line) {
    std::visit(Overloaded{
                   [&](const FaultEvent&) {
                       ++verdict.faults;
                       if (stopped.empty()) traffic.defer(line);
                   },
                   [&](const DmaEvent&) {
                       ++verdict.dmas;
                       if (stopped.empty()) traffic.defer(line);
                   },
                   [&](const KernelEvent& e) {
                       judge(KernelCase{line, e});
                   },
                   [&](const StrayEvent& e) {
                       if (!stopped.empty()) return;
                       const bool known_writer = traffic.may_still_write(
                           history, line.when->end, scene.memory(e.place), scene.length(e.place));
                       judge(StrayCase{line, e, known_writer});
                   },
                   [&](const LabEvent& e) { stop(line, "the lab: " + e.text); },
               },
               *line.event());
    if (!stopped.empty()) return;
    settle(false);
    traffic.relieve([&](const Line& waiting) { return clear(waiting); });
}

void Checker::Impl::step(const Line& line) {
    ++verdict.steps;
    if (!stopped.empty()) return;
    if (!line.when || !line.observed) return stop(line, "the step was not run: it has no times");
    traffic.step_begins(line.when->begin);
    settle(false);
    if (const auto* unmet = std::get_if<Unmet>(&*line.observed)) {
        verdict.kind = Verdict::Kind::unmet;
        stopped = unmet->reason;
        return;
    }
    if (const auto* broken = std::get_if<Broken>(&*line.observed)) return stop(line, broken->reason);
    for (const auto& name : devices_of(*line.step()))
        if (!history.knows(name)) return stop(line, fmt::format("no device fact for '{}'", name));
    if (line.expected) judge(ExpectationCase{line});
    if (const auto* answer = std::get_if<Answer>(&*line.observed)) control(line, *answer);
    traffic_step(line);
    judge_faults();
    history.forget(traffic.watermark());
}

void Checker::Impl::control(const Line& line, const Answer& answer) {
    const auto& s = *line.step();
    const auto prediction = model->predict(s);
    judge(AnswerCase{line, answer, prediction,
                     prediction.allows(answer) ? model->objection(s, answer) : std::string()});
    if (const auto* b = std::get_if<Buffer>(&s); b != nullptr && answer.error.ok())
        scene.buffers[b->name] = *b;
    for (const auto& change : model->apply(s, answer)) history.apply(change, line.when, line.number);
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

Account Checker::Impl::account(const DmaRequest& request, const Interval& window,
                               const Landing& landing) const {
    return account_for(history, scene, request, window, landing,
                       [&](const Backing& memory, std::uint64_t length) {
                           return traffic.contested(history, request.device, window, memory, length);
                       });
}

void Checker::Impl::landed(const Line& line, unsigned start_line, const DmaRequest& request,
                           const Interval& window) {
    if (line.step() != nullptr) ++verdict.dmas;
    const auto* landing = std::get_if<Landing>(&*line.observed);
    if (landing == nullptr) return stop(line, "the outcome is none a DMA can have");
    const auto a = account(request, window, *landing);
    judge(DmaCase{line, start_line, request, window, *landing, a, history, scene});
    faults.add(scene, request, a);
    traffic.landed(request, window, *landing, a);
}

void Checker::Impl::view(const Line& line, const View& s) {
    const auto* seen = std::get_if<Sighting>(&*line.observed);
    if (seen == nullptr) return stop(line, "the outcome is none 'view' can have");
    if (!scene.staging) return;  // no beacon, no telling
    const DmaRequest probe{
        s.device, DmaRequest::Verb::read, {scene.staging->start, kViewBytes}, std::nullopt};
    Landing landing{Landing::Status::done, std::nullopt, {}, {}, {}};
    if (seen->ioas)
        landing.from = {{BufferSlice{"beacon." + *seen->ioas, BufferSlice::Span{0, kViewBytes}}, kViewBytes}};
    const auto account = account_for(history, scene, probe, *line.when, landing,
                                     [](const Backing&, std::uint64_t) { return false; });
    judge(ViewCase{{line, line.number, probe, *line.when, landing, account, history, scene}});
    faults.add(scene, probe, account);
}

// ---- events that had to wait ------------------------------------------------------------------------------

void Checker::Impl::settle(bool everything) {
    traffic.settle(everything, [&](const Line& line) {
        if (const auto* dma = std::get_if<DmaEvent>(line.event()))
            settled_dma(line, *dma);
        else
            open_faults.push_back(line);
    });
    judge_faults();
}

void Checker::Impl::settled_dma(const Line& line, const DmaEvent& dma) {
    if (!history.knows(dma.request.device))
        return stop(line, fmt::format("no device fact for '{}'", dma.request.device));
    landed(line, line.number, dma.request, *line.when);
}

// True, and done with, if nothing is wrong with this DMA of a pump by what is known so far.
bool Checker::Impl::clear(const Line& event) {
    const auto* dma = std::get_if<DmaEvent>(event.event());
    const auto* landing = dma == nullptr ? nullptr : std::get_if<Landing>(&*event.observed);
    if (landing == nullptr || !history.knows(dma->request.device)) return false;
    const auto a = account(dma->request, *event.when, *landing);
    const DmaCase happened{event, event.number, dma->request, *event.when, *landing, a, history, scene};
    std::vector<Violation> found;
    for (const auto& rule : rule_table()) rule.check(happened, found);
    if (!found.empty()) return false;
    faults.add(scene, dma->request, a);
    traffic.landed(dma->request, *event.when, *landing, a);
    return true;
}

void Checker::Impl::judge_faults() {
    std::erase_if(open_faults, [&](const Line& line) {
        const auto& fault = std::get<FaultEvent>(*line.event());
        const bool ok = explained(fault, line.when->end);
        const auto of = [&](const std::string& device) { return answers_to(device, fault.requester); };
        if (!ok && traffic.open_at(line.when->end, of)) return false;
        judge(FaultCase{line, fault, scene.device_of(fault.requester), ok});
        return true;
    });
}

bool Checker::Impl::answers_to(const std::string& device, Bdf requester) const {
    const auto it = scene.devices.find(device);
    return it != scene.devices.end() && (it->second.bdf == requester || it->second.alias == requester);
}

bool Checker::Impl::explained(const FaultEvent& fault, Nanoseconds at) const {
    const Interval lately{std::min(traffic.latest_begin(), at), at};
    return std::ranges::any_of(scene.devices, [&](const auto& entry) {
        const auto& name = entry.first;
        return answers_to(name, fault.requester) &&
               (faults.explains(name, fault) || rings_may_fault(history, scene, name, fault.address, lately));
    });
}

// ---- the verdict ------------------------------------------------------------------------------------------

void Checker::Impl::judge(const Case& happened) {
    std::vector<Violation> found;
    for (const auto& rule : rule_table()) {
        rule.check(happened, found);
        for (auto& v : found) {
            v.rule = rule.id;
            v.promise = rule.promise;
            v.source = rule.source;
            if (const auto* known = find_known(options.known, scene, v))
                v.known = known->reference;
            else
                ++new_violations;
            if (verdict.violations.size() < options.max_violations)
                verdict.violations.push_back(std::move(v));
            else
                ++verdict.dropped;
        }
        found.clear();
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

void Checker::feed(const Line& line) { impl_->feed(line); }
const std::vector<Violation>& Checker::violations() const { return impl_->verdict.violations; }
Verdict Checker::finish(bool cut) const { return impl_->finish(cut); }

}  // namespace landfall
