#include "landfall/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "landfall/report_text.hpp"

namespace landfall {
namespace {

using text::Ink;

constexpr std::size_t kAround = 2;     // steps shown before and after those that prove it
constexpr std::size_t kMostRows = 16;  // of a timeline
constexpr std::size_t kMostColumns = 28;

// A timeline is drawn in order of events, not to scale: an ioctl takes a microsecond, a DMA 100 ms.
class Timeline {
  public:
    Timeline(const Trace& trace, const Violation& violation) : violation_(violation) {
        choose(trace);
        std::set<std::uint64_t> times;
        for (const auto* line : rows_) times.insert({window(*line).begin.value, window(*line).end.value});
        for (const auto t : times) columns_.emplace(t, columns_.size());
    }

    [[nodiscard]] std::string str(const ReportStyle& style) const {
        if (rows_.empty()) return {};
        const auto width = column(columns_.rbegin()->first) + 1;
        std::string out;
        for (const auto* line : rows_) {
            const bool culprit = line->number == violation_.line;
            const auto head = fmt::format("  {} {:>5} {:>14}  {}  ", culprit ? "▶" : " ", line->number,
                                          text::milliseconds(window(*line).begin), bar(*line, width));
            const auto used = text::columns(head);
            const auto rest =
                text::clip(text::body(*line), style.width > used + 20 ? style.width - used : 20);
            out += head + (culprit ? text::paint(style, Ink::bold, rest) : rest) + '\n';
        }
        return out;
    }

  private:
    // The witnesses and what stands around the culprit; the oldest witnesses go first if there are too many.
    void choose(const Trace& trace) {
        std::vector<const Line*> timed;
        for (const auto& line : trace.lines)
            if (line.when) timed.push_back(&line);
        const auto culprit = std::ranges::find(timed, violation_.line, &Line::number);
        const auto at = static_cast<std::size_t>(culprit - timed.begin());
        for (std::size_t i = 0; i < timed.size(); ++i) {
            const bool witness = std::ranges::binary_search(violation_.witness, timed[i]->number);
            if (witness || (culprit != timed.end() && i + kAround >= at && i <= at + kAround))
                rows_.push_back(timed[i]);
        }
        if (rows_.size() > kMostRows) rows_.erase(rows_.begin(), rows_.end() - kMostRows);
    }

    // A DMA that was started and waited for happened in the whole time between, not only in its last step.
    [[nodiscard]] Interval window(const Line& line) const {
        return line.number == violation_.line && violation_.window ? *violation_.window : *line.when;
    }

    [[nodiscard]] std::size_t column(std::uint64_t time) const {
        const auto c = columns_.at(time);
        return columns_.size() <= kMostColumns ? c : c * (kMostColumns - 1) / (columns_.size() - 1);
    }

    [[nodiscard]] std::string bar(const Line& line, std::size_t width) const {
        const auto first = column(window(line).begin.value), last = column(window(line).end.value);
        const bool dma = line.observed && std::holds_alternative<Landing>(*line.observed);
        std::string out;
        for (std::size_t c = 0; c < width; ++c) {
            if (c < first || c > last)
                out += "·";
            else if (line.event() != nullptr && !dma)
                out += "!";
            else if (dma)
                out += "█";
            else
                out += first == last ? "┼" : c == first ? "├" : c == last ? "┤" : "─";
        }
        return out;
    }

    const Violation& violation_;
    std::vector<const Line*> rows_;
    std::map<std::uint64_t, std::size_t> columns_;
};

std::string field(const ReportStyle& style, const char* name, const std::string& value) {
    constexpr std::size_t kIndent = 13;
    return text::paint(style, Ink::dim, fmt::format("  {:<11}", name)) +
           text::wrap(value, style.width - kIndent, kIndent) + '\n';
}

// "3, 5 to 9, 14".
std::string ranges_of(const std::vector<unsigned>& lines) {
    std::string out;
    for (std::size_t first = 0, last = 0; first < lines.size(); first = ++last) {
        while (last + 1 < lines.size() && lines[last + 1] == lines[last] + 1) ++last;
        if (!out.empty()) out += ", ";
        out += std::to_string(lines[first]);
        if (last > first) out += (last > first + 1 ? " to " : ", ") + std::to_string(lines[last]);
    }
    return out;
}

// In an editor `file:line` must be the line that is meant.
std::string place(const Trace& trace, unsigned line) {
    if (trace.file.empty()) return {};
    return trace.of_run ? fmt::format(", line {} of the run of {}", line, trace.file) : fmt::format(", {}:{}", trace.file, line);
}

}  // namespace

std::string explain(const Trace& trace, const Violation& v, const ReportStyle& style) {
    auto out = text::paint(style, Ink::red, fmt::format("{} violated", v.rule)) + place(trace, v.line) + '\n';
    out += "  " + text::paint(style, Ink::bold, text::wrap(v.summary, style.width - 2, 2)) + '\n';
    if (!v.known.empty()) out += field(style, "known", v.known);
    for (const auto& line : trace.lines)
        if (line.number == v.line) out += field(style, "step", text::body(line));
    if (v.window)
        out += field(
            style, "between",
            fmt::format("{} and {}", text::milliseconds(v.window->begin), text::milliseconds(v.window->end)));
    for (const auto& c : v.candidates) out += field(style, &c == &v.candidates.front() ? "right" : "or", c);
    out += field(style, "observed", v.observed);
    out += field(style, "promise", v.promise);
    out += field(style, "written in", v.source);
    if (!v.witness.empty()) out += field(style, "proved by", "line " + ranges_of(v.witness));
    const auto timeline = Timeline(trace, v).str(style);
    return timeline.empty() ? out : out + '\n' + timeline;
}

std::string summary(const Verdict& verdict) {
    std::string out = verdict_str(verdict.kind);
    std::string found;
    for (const auto& v : verdict.violations)
        if (v.known.empty())
            found += fmt::format("{}{} (line {})", found.empty() ? ": " : ", ", v.rule, v.line);
    if (verdict.dropped > 0) found += fmt::format(" and {} more", verdict.dropped);
    out += found.empty() && !verdict.reason.empty() ? ": " + verdict.reason : found;
    return fmt::format("{}; {}, {}, {}", out, text::counted(verdict.steps, "step"),
                       text::counted(verdict.dmas, "DMA"), text::counted(verdict.faults, "fault"));
}

}  // namespace landfall
