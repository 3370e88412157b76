#include "rig/soak.hpp"

#include <algorithm>
#include <set>

#include "rig/fuzz.hpp"

namespace landfall {
namespace {

using Clock = std::chrono::steady_clock;

// DMAs the line tells of that have reached memory.
std::uint64_t reached(const Line& line) {
    const auto* l = line.observed ? std::get_if<Landing>(&*line.observed) : nullptr;
    const auto placed = [](const Segment& s) { return s.place.has_value(); };
    if (l == nullptr || (std::ranges::none_of(l->lands, placed) && std::ranges::none_of(l->from, placed))) return 0;
    const auto* pumped = line.event() == nullptr ? nullptr : std::get_if<DmaEvent>(line.event());
    return pumped == nullptr ? 1 : pumped->times;
}

// The first window that is reserved; a rig that reserves none is asked about that of x86 all the same.
SoakShape shape_of(const RigFile& file, const std::vector<Line>& head) {
    SoakShape out{groups_of(file)};
    std::optional<Iova> first;
    for (const auto& line : head)
        if (const auto* r = line.fact() == nullptr ? nullptr : std::get_if<ReservedFact>(line.fact()))
            first = std::min(first.value_or(r->range.start), r->range.start);
    out.interrupts = first.value_or(out.interrupts);
    return out;
}

class Soak {
  public:
    Soak(RigKeeper& rig, const SoakOptions& options) : rig_(rig), options_(options) { run_.check = options.check; }

    SoakReport run() {
        static_cast<void>(rig_.get());
        const auto begin = Clock::now();
        const auto end = begin + options_.time;
        while (Clock::now() < end && !hopeless_ && (options_.keep_going || report_.violating == 0)) {
            const auto seed = options_.seed + report_.rounds++;
            count(seed, round(seed, std::min(end, Clock::now() + options_.round)));
        }
        report_.took = Clock::now() - begin;
        return std::move(report_);
    }

  private:
    RunResult round(std::uint64_t seed, Clock::time_point end) {
        auto& rig = rig_.get();
        auto result = run_recorded(rig, "<soak>", {}, run_, [&](Session& session, Recorder& recorder) {
            play(session, SoakScript(shape_of(rig.file(), session.head()), seed), end, recorder);
        });
        rig_.after(result);
        return result;
    }

    void play(Session& session, SoakScript script, Clock::time_point end, Recorder& recorder) {
        const auto take = [&](const Line& line) {
            report_.reached += reached(line);
            recorder.add(line);
        };
        const auto run = [&](const std::vector<Line>& lines) {
            for (const auto& line : lines)
                if (!recorder.over()) session.run({&line, 1}, take);
        };
        run(script.begin());
        for (std::uint64_t n = 0; !recorder.over() && Clock::now() < end && !recorder.violated();) {
            const auto lines = script.next();
            run(lines);
            n += lines.size();
            if (options_.steps != 0 && n >= options_.steps) break;
        }
        run(script.end());
    }

    void count(std::uint64_t seed, const RunResult& round) {
        const auto& v = round.verdict;
        report_.steps += v.steps;
        report_.dmas += v.dmas;
        report_.faults += v.faults;
        report_.lost += round.rig_lost ? 1 : 0;
        if (v.kind == Verdict::Kind::violation) ++report_.violating;
        if (v.kind == Verdict::Kind::inconclusive) ++report_.inconclusive;
        report_.unmet = report_.unmet || v.kind == Verdict::Kind::unmet;
        if (report_.reason.empty()) report_.reason = v.reason;
        std::set<std::string> met;
        for (const auto& violation : v.violations)
            if (violation.known.empty()) ++report_.by_rule[violation.rule];
            else if (met.insert(violation.known).second) ++report_.known[violation.known];
        hopeless_ = v.kind != Verdict::Kind::pass && v.dmas == 0;
        if (options_.on_round) options_.on_round(seed, round);
    }

    RigKeeper& rig_;
    const SoakOptions& options_;
    RunOptions run_;
    SoakReport report_;
    bool hopeless_ = false;  ///< the last round came to no DMA, and none will
};

}  // namespace

ExitStatus SoakReport::exit_status() const {
    if (violating > 0) return ExitStatus::violation;
    if (unmet) return ExitStatus::unmet;
    return inconclusive > 0 || dmas == 0 ? ExitStatus::inconclusive : ExitStatus::pass;
}

SoakReport soak(RigKeeper& rig, const SoakOptions& options) { return Soak(rig, options).run(); }

}  // namespace landfall
