#include <fmt/format.h>

#include <algorithm>

#include "landfall/report.hpp"
#include "landfall/report_text.hpp"
#include "landfall/scene.hpp"

namespace landfall {
namespace {

using text::Ink;

constexpr std::size_t kTime = 13, kStep = 44;  // columns

std::string_view trimmed(std::string_view s) {
    const auto first = s.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view() : s.substr(first);
}

std::string places(const std::vector<Segment>& segments, const char* none) {
    std::string out;
    for (const auto& s : segments) {
        if (!out.empty()) out += ", ";
        if (s.place)
            out += print(*s.place);
        else
            out += s.length == 0 ? none : fmt::format("{} of it {}", size_str(s.length), none);
    }
    return out;
}

// Where a DMA went, in words a passer-by understands.
std::string told(const Landing& l) {
    std::string out;
    if (!l.from.empty()) out += "← " + places(l.from, "nothing");
    if (!l.lands.empty()) out += (out.empty() ? "→ " : " → ") + places(l.lands, "nowhere");
    if (!l.also.empty()) out += " and also " + places(l.also, "nowhere");
    if (l.status == Landing::Status::error) out += "  (device error)";
    if (l.status == Landing::Status::timeout) out += "  (no answer)";
    return out;
}

std::string told(const Outcome& outcome) {
    if (const auto* l = std::get_if<Landing>(&outcome)) return told(*l);
    return print(outcome);
}

class Story {
  public:
    Story(const Trace& trace, const Verdict& verdict, const ReportStyle& style)
        : trace_(trace), verdict_(verdict), style_(style) {}

    std::string tell() {
        head();
        for (const auto& line : trace_.lines) {
            if (line.fact() != nullptr) continue;
            narrate(line);
            if (line.step() != nullptr || line.event() != nullptr) row(line);
        }
        end();
        return std::move(out_);
    }

  private:
    void head() {
        Scene scene;
        std::string rig, kernel;
        for (const auto& line : trace_.lines) {
            if (line.fact() == nullptr) continue;
            scene.learn(*line.fact());
            if (const auto* f = std::get_if<TextFact>(line.fact())) {
                if (f->key == "rig") rig = f->value;
                if (f->key == "kernel") kernel = f->value;
            }
        }
        out_ +=
            text::paint(style_, Ink::dim,
                        fmt::format("{} · Linux {} · IOMMU {}\n", rig.empty() ? "a rig without a name" : rig,
                                    kernel.empty() ? "?" : kernel, scene.iommu.empty() ? "?" : scene.iommu));
        for (const auto& [name, d] : scene.devices) {
            auto text = fmt::format("  {:<3} {}  {:04x}:{:04x}  {:<6} iommu_group {}", name, d.bdf.str(),
                                    d.vendor, d.device, d.engine, d.group);
            if (d.alias) text += ", on the bus as " + d.alias->str();
            out_ += text::paint(style_, Ink::dim, text) + '\n';
        }
    }

    // Comments stand above what they speak of. Lines of comment that follow each other are one paragraph, set
    // off by a blank line.
    void narrate(const Line& line) {
        const auto comment = trimmed(line.comment);
        const bool alone = line.step() == nullptr && line.event() == nullptr;
        if (!alone || comment.empty()) end_paragraph();
        if (!comment.empty()) paragraph_ += (paragraph_.empty() ? "" : " ") + std::string(comment);
        if (!alone) end_paragraph();
    }

    void end_paragraph() {
        if (paragraph_.empty()) return;
        out_ += '\n' + text::paint(style_, Ink::bold, text::wrap(paragraph_, style_.width, 0)) + '\n';
        paragraph_.clear();
    }

    void row(const Line& line) {
        const auto time = line.when ? text::milliseconds(line.when->begin) : std::string("not run");
        out_ += text::paint(style_, Ink::dim, fmt::format("{:>{}}", time, kTime)) + "  ";
        if (const auto* e = line.event(); e != nullptr && !line.observed) {
            out_ += text::paint(style_, Ink::yellow, text::clip(print(*e), style_.width - kTime - 2));
        } else {
            const auto step = line.step() != nullptr ? print(*line.step()) : print(*line.event());
            const auto outcome = line.observed ? told(*line.observed) : std::string();
            out_ += text::columns(step) > kStep ? step + "  " : text::pad(step, kStep + 2);
            const bool landing = line.observed && std::holds_alternative<Landing>(*line.observed);
            out_ += mark(line) + " " + text::paint(style_, landing ? Ink::bold : Ink::plain, outcome);
        }
        out_ += '\n';
        for (const auto& v : verdict_.violations)
            if (v.line == line.number) complain(v);
    }

    // Judged and found right, judged and found wrong, or of no interest.
    std::string mark(const Line& line) const {
        const bool wrong = std::ranges::any_of(verdict_.violations,
                                               [&](const Violation& v) { return v.line == line.number; });
        if (wrong) return text::paint(style_, Ink::red, "✗");
        const bool judged = line.observed && !std::holds_alternative<Unmet>(*line.observed) &&
                            !std::holds_alternative<Broken>(*line.observed);
        return judged ? text::paint(style_, Ink::green, "✓") : " ";
    }

    void complain(const Violation& v) {
        const auto indent = kTime + 4;
        auto text =
            v.known.empty() ? v.rule + ": " + v.summary : fmt::format("known ({}): {}", v.known, v.summary);
        out_ += std::string(indent, ' ') +
                text::paint(style_, v.known.empty() ? Ink::red : Ink::yellow,
                            text::wrap(text, style_.width - indent, indent)) +
                '\n';
    }

    void end() {
        const auto ink = verdict_.kind == Verdict::Kind::pass        ? Ink::green
                         : verdict_.kind == Verdict::Kind::violation ? Ink::red
                                                                     : Ink::yellow;
        out_ += '\n' + text::paint(style_, ink, text::wrap(summary(verdict_), style_.width, 2)) + '\n';
    }

    const Trace& trace_;
    const Verdict& verdict_;
    const ReportStyle& style_;
    std::string out_;
    std::string paragraph_;
};

}  // namespace

std::string story(const Trace& trace, const Verdict& verdict, const ReportStyle& style) {
    return Story(trace, verdict, style).tell();
}

}  // namespace landfall
