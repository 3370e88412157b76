#include "landfall/witness.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <span>

#include "landfall/relevance.hpp"
#include "landfall/validate.hpp"

namespace landfall {
namespace {

// Lines that may be fed to checkers for one witness: about a second.
constexpr std::size_t kWork = 1'000'000;

using Lines = std::vector<const Line*>;

// What a violation is about, whatever lines and addresses it names.
std::string gist(const Violation& v) {
    auto out = v.rule + ' ' + v.device + ' ';
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    for (std::size_t i = 0; i < v.summary.size(); ++i) {
        if (!digit(v.summary[i])) {
            out += v.summary[i];
            continue;
        }
        while (i + 1 < v.summary.size() && (digit(v.summary[i + 1]) || v.summary[i + 1] == 'x')) ++i;
        if (!out.ends_with("#, ")) out += '#';
        if (out.ends_with("#, ")) out.resize(out.size() - 2);  // a list of lines
    }
    return out;
}

class Minimiser {
  public:
    Minimiser(const Trace& trace, const Violation& violation, CheckOptions options)
        : trace_(trace), violation_(violation), options_(std::move(options)) {
        options_.max_violations = std::numeric_limits<std::size_t>::max();
        const auto end = std::ranges::find_if(trace.lines, is_end);
        run_ = {trace.lines.begin(), end};
        if (end != trace.lines.end()) end_ = *end;
    }

    Lines run() {
        for (const auto reach : {Reach::address, Reach::group, Reach::all}) {
            auto lines = slice(reach);
            if (!establish(lines)) continue;
            minimise(lines);
            return lines;
        }
        return slice(Reach::address);  // no trace this violation is of
    }

    [[nodiscard]] std::optional<Line> end_of(const Lines& lines) const {
        auto line = end_;
        const auto steps = std::ranges::count_if(lines, [](const Line* l) { return l->step() != nullptr; });
        if (line) line->body = Fact{EndFact{static_cast<std::uint64_t>(steps)}};
        return line;
    }

  private:
    static bool is_end(const Line& line) {
        return line.fact() != nullptr && std::holds_alternative<EndFact>(*line.fact());
    }

    static bool is_step(const Line& line) { return line.step() != nullptr; }

    [[nodiscard]] Lines slice(Reach reach) const {
        const Relevance relevance(trace_, violation_, reach);
        Lines out;
        for (const auto& line : run_)
            if (line.body.index() != 0 && relevance.has(line)) out.push_back(&line);
        // A trace without a step proves nothing, even where one event is all it takes.
        if (const auto step = std::ranges::find_if(run_, is_step);
            step != run_.end() && std::ranges::none_of(
                                              out, is_step, [](auto* l) -> auto& { return *l; }))
            out.insert(std::ranges::upper_bound(out, step->number, {}, &Line::number), &*step);
        return out;
    }

    Verdict judge(const Lines& lines) {
        work_ += lines.size();
        Checker checker(options_);
        for (const auto* line : lines) checker.feed(*line);
        if (const auto end = end_of(lines)) checker.feed(*end);
        return checker.finish();
    }

    [[nodiscard]] bool is_it(const Violation& v) const {
        return v.line == violation_.line && v.iova == violation_.iova && v.page == violation_.page &&
               v.known == violation_.known && gist(v) == gist(violation_);
    }

    // The lines a smaller witness is looked for in; what else is wrong in them may be wrong in it.
    bool establish(const Lines& lines) {
        const auto verdict = judge(lines);
        conclusive_ = verdict.reason.empty();
        allowed_.clear();
        for (const auto& v : verdict.violations) allowed_.insert(gist(v));
        return valid(lines) &&
               std::ranges::any_of(verdict.violations, [&](const auto& v) { return is_it(v); });
    }

    bool reproduces(const Lines& lines) {
        if (!valid(lines)) return false;
        const auto verdict = judge(lines);
        if (conclusive_ && !verdict.reason.empty()) return false;
        bool found = false;
        for (const auto& v : verdict.violations) {
            if (!allowed_.contains(gist(v))) return false;
            found = found || is_it(v);
        }
        return found;
    }

    [[nodiscard]] bool valid(const Lines& lines) const {
        try {
            Validator validator(trace_.file);
            for (const auto* line : lines)
                if (line->step() != nullptr) validator.step(as_scenario(*line), {});
            validator.finish();
            return true;
        } catch (const TextError&) {
            return false;
        }
    }

    // Delta debugging: ever smaller chunks are left out, from the end, so that what uses a thing goes before
    // it.
    void minimise(Lines& lines) {
        for (std::size_t chunk = std::max<std::size_t>(lines.size() / 2, 1);;
             chunk = std::max<std::size_t>(chunk / 2, 1)) {
            const bool smaller = leave_out(lines, chunk);
            if (work_ >= kWork || (chunk == 1 && !smaller)) return;
        }
    }

    bool leave_out(Lines& lines, std::size_t chunk) {
        bool smaller = false;
        for (auto last = lines.size(); last > 0 && work_ < kWork;) {
            const auto first = last - std::min(chunk, last);
            auto rest = lines;
            rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(first),
                       rest.begin() + static_cast<std::ptrdiff_t>(last));
            if (reproduces(rest)) {
                lines = std::move(rest);
                smaller = true;
            }
            last = first;
        }
        return smaller;
    }

    const Trace& trace_;
    const Violation& violation_;
    CheckOptions options_;
    std::span<const Line> run_;  // the lines before its end
    std::optional<Line> end_;
    std::set<std::string> allowed_;  // gists of what is wrong in the slice
    bool conclusive_ = true;         // nothing but violations keeps the slice from passing
    std::size_t work_ = 0;           // lines fed so far
};

}  // namespace

Trace witness(const Trace& trace, const Violation& violation, const CheckOptions& options) {
    Minimiser minimiser(trace, violation, options);
    const auto lines = minimiser.run();
    Trace out{trace.file, {}, false, trace.of_run};
    for (const auto* line : lines) out.lines.push_back(*line);
    if (auto end = minimiser.end_of(lines)) out.lines.push_back(std::move(*end));
    return out;
}

std::vector<unsigned> numbers_of(const Trace& trace) {
    std::vector<unsigned> out;
    for (const auto& line : trace.lines) out.push_back(line.number);
    return out;
}

Violation proven(const Trace& trace, Violation violation, const CheckOptions& options) {
    violation.witness = numbers_of(witness(trace, violation, options));
    return violation;
}

}  // namespace landfall
