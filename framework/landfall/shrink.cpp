#include "landfall/shrink.hpp"

#include <algorithm>

#include "landfall/simplify.hpp"
#include "landfall/validate.hpp"

namespace landfall {
namespace {

using Lines = std::vector<Line>;

// The device whose background DMA the line begins or ends; empty if it does neither.
std::string background(const Line& line, bool begins) {
    if (line.step() == nullptr) return {};
    const auto& s = *line.step();
    if (begins) {
        if (const auto* start = std::get_if<Start>(&s)) return start->request.device;
        if (const auto* pump = std::get_if<Pump>(&s)) return pump->request.device;
        return {};
    }
    if (const auto* wait = std::get_if<Wait>(&s)) return wait->device;
    if (const auto* halt = std::get_if<Halt>(&s)) return halt->device;
    return {};
}

class Shrinker {
  public:
    Shrinker(const Scenario& scenario, const Fails& fails) : best_(scenario), fails_(fails) {}

    Shrunk run() {
        std::erase_if(best_.lines, [](const Line& l) { return l.step() == nullptr; });
        for (auto& line : best_.lines) line.comment.clear();
        bool smaller = true;
        while (smaller) {
            remove_chunks();
            smaller = simplify();
        }
        return {std::move(best_), tried_};
    }

  private:
    // The lines without [at, at + count); a background DMA goes as a whole.
    [[nodiscard]] Lines without(std::size_t at, std::size_t count) const {
        std::vector<bool> keep(best_.lines.size(), true);
        for (auto i = at; i < std::min(at + count, keep.size()); ++i) {
            keep[i] = false;
            if (const auto other = partner(i)) keep[*other] = false;
        }
        Lines out;
        for (std::size_t i = 0; i < keep.size(); ++i)
            if (keep[i]) out.push_back(best_.lines[i]);
        return valid_lines(std::move(out));
    }

    [[nodiscard]] std::optional<std::size_t> partner(std::size_t i) const {
        const auto& lines = best_.lines;
        if (const auto begun = background(lines[i], true); !begun.empty()) {
            for (auto j = i + 1; j < lines.size(); ++j)
                if (background(lines[j], false) == begun) return j;
        } else if (const auto ended = background(lines[i], false); !ended.empty()) {
            for (auto j = i; j-- > 0;)
                if (background(lines[j], true) == ended) return j;
        }
        return std::nullopt;
    }

    bool take(Lines lines) {
        if (lines == best_.lines) return false;
        Scenario candidate{best_.file, std::move(lines)};
        ++tried_;
        if (!fails_(candidate)) return false;
        best_ = std::move(candidate);
        return true;
    }

    // Halves, quarters, ... single lines, from the back: what is asked last is needed least by the rest.
    void remove_chunks() {
        for (auto count = std::max<std::size_t>(best_.lines.size() / 2, 1);; count /= 2) {
            bool removed = true;
            while (removed) {
                removed = false;
                for (auto end = best_.lines.size(); end > 0;) {
                    const auto at = end > count ? end - count : 0;
                    if (take(without(at, end - at))) {
                        removed = true;
                        end = std::min(at, best_.lines.size());
                    } else {
                        end = at;
                    }
                }
                removed = removed && count == 1;
            }
            if (count == 1) return;
        }
    }

    bool simplify() {
        bool smaller = false;
        for (std::size_t i = 0; i < best_.lines.size(); ++i) {
            for (bool again = true; again && i < best_.lines.size();) {
                again = leave_lanes(i) || to_foreground(i) || simplify_line(i);
                smaller = smaller || again;
            }
        }
        return smaller;
    }

    bool simplify_line(std::size_t i) {
        for (auto& line : simpler(best_.lines[i])) {
            auto lines = best_.lines;
            lines[i] = std::move(line);
            // A simpler line must not cost others: that would be another scenario.
            if (valid_lines(lines) == lines && take(std::move(lines))) return true;
        }
        return false;
    }

    // All the lanes of a block at once: one lane out of two alone is seldom what fails.
    bool leave_lanes(std::size_t i) {
        if (best_.lines[i].lane == 0) return false;
        auto lines = best_.lines;
        for (auto j = i; j < lines.size() && lines[j].lane != 0; ++j) lines[j].lane = 0;
        return valid_lines(lines) == lines && take(std::move(lines));
    }

    // A DMA waited for, where the background one began, or where it ended.
    bool to_foreground(std::size_t i) {
        const auto device = background(best_.lines[i], true);
        const auto end = partner(i);
        if (device.empty() || !end) return false;
        const auto& step = *best_.lines[i].step();
        const auto* start = std::get_if<Start>(&step);
        const auto request = start != nullptr ? start->request : std::get<Pump>(step).piece(0);
        for (const auto at : {*end, i}) {
            auto lines = best_.lines;
            lines[at].body = Step{Dma{request}};
            lines[at].expected.reset();
            lines.erase(lines.begin() + static_cast<long>(at == i ? *end : i));
            if (valid_lines(lines) == lines && take(std::move(lines))) return true;
        }
        return false;
    }

    Scenario best_;
    const Fails& fails_;
    std::uint64_t tried_ = 0;
};

}  // namespace

Lines valid_lines(Lines lines) {
    // What a line that went had declared may hold up a later one, so all is read again until nothing goes.
    for (bool whole = false; !whole;) {
        whole = true;
        Validator validator("<shrink>");
        Lines kept;
        for (auto& line : lines) {
            line.number = static_cast<unsigned>(kept.size() + 1);
            try {
                if (line.step() != nullptr) validator.step(line, {});
                kept.push_back(std::move(line));
            } catch (const TextError&) {
                whole = false;
            }
        }
        try {
            validator.finish();
        } catch (const TextError& unended) {
            kept.erase(kept.begin() + static_cast<long>(unended.where().line - 1));
            whole = false;
        }
        lines = std::move(kept);
    }
    return lines;
}

Shrunk shrink(const Scenario& scenario, const Fails& fails) { return Shrinker(scenario, fails).run(); }

}  // namespace landfall
