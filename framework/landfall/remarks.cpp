#include "landfall/remarks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "landfall/divergence.hpp"
#include "landfall/model.hpp"
#include "landfall/rules/rule.hpp"

namespace landfall {
namespace {

constexpr RemarkInfo kSiblingElsewhere{"sibling-elsewhere",
                                       "another member's replace moved the group, and the program went on as "
                                       "if this device were where it was attached"};
constexpr RemarkInfo kReachedUnattached{
    "reached-unattached",
    "a device that is bound, and attached to nothing, does DMA through what a sibling is attached to"};
constexpr RemarkInfo kRefusedByGroup{"refused-by-group",
                                     "an attach failed because a sibling holds the group elsewhere"};
constexpr RemarkInfo kMapUnseen{"map-unseen",
                                "mappings no device could use, from their first to their last moment"};

constexpr unsigned kEnd = std::numeric_limits<unsigned>::max();

std::optional<std::string_view> after(const Line& line, std::string_view prefix) {
    std::string_view text = line.comment;
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (line.body.index() != 0 || !text.starts_with(prefix)) return std::nullopt;
    return text.substr(prefix.size());
}

const Answer* answer_of(const Line& line) {
    return line.step() == nullptr || !line.observed ? nullptr : std::get_if<Answer>(&*line.observed);
}

// A device between its bind and its close.
struct Life {
    std::string device;
    unsigned from = 0, until = kEnd;
    std::vector<unsigned> attached;  ///< lines
};

// What the trace says, by line.
class Facts {
  public:
    explicit Facts(const Trace& trace) {
        for (const auto& line : trace.lines) take(line);
    }

    [[nodiscard]] const std::vector<Life>& lives() const { return lives_; }
    [[nodiscard]] std::string text(unsigned line) const {
        return fmt::format("line {} '{}'", line, texts_.at(line));
    }
    [[nodiscard]] const std::string& space_of(const std::string& domain) const {
        const auto it = space_of_.find(domain);
        return it == space_of_.end() ? domain : it->second;
    }
    /// The first line behind `from` and before `until` that changes a mapping in one of the spaces.
    [[nodiscard]] std::optional<unsigned> change(const std::set<std::string>& spaces, unsigned from,
                                                 unsigned until) const {
        for (const auto& [line, space] : changes_)
            if (line > from && line < until && spaces.contains(space)) return line;
        return std::nullopt;
    }
    /// The line from which silence proves nothing.
    [[nodiscard]] unsigned followed_until() const { return followed_until_; }

  private:
    void take(const Line& line) {
        if (after(line, kNotFollowed)) followed_until_ = std::min(followed_until_, line.number);
        const auto* answer = answer_of(line);
        if (answer == nullptr) return;
        texts_[line.number] = print(*line.step());
        if (!answer->error.ok()) return;
        std::visit(Overloaded{[&](const Hwpt& s) { space_of_[s.name] = s.ioas; },
                              [&](const Map& s) { changes_.emplace(line.number, s.ioas); },
                              [&](const IoasCopy& s) { changes_.emplace(line.number, s.destination); },
                              [&](const Unmap& s) { changes_.emplace(line.number, s.ioas); },
                              [&](const Attach& s) {
                                  if (auto* life = present(s.device)) life->attached.push_back(line.number);
                              },
                              [&](const DeviceControl& s) { control(s, line.number); }, [](const auto&) {}},
                   *line.step());
    }
    void control(const DeviceControl& s, unsigned line) {
        if (s.verb == DeviceControl::Verb::open) lives_.push_back({s.device, line, kEnd, {}});
        if (auto* life = present(s.device); s.verb == DeviceControl::Verb::close && life != nullptr)
            life->until = line;
    }
    [[nodiscard]] Life* present(const std::string& device) {
        const auto it = std::ranges::find_if(
            lives_, [&](const Life& l) { return l.device == device && l.until == kEnd; });
        return it == lives_.end() ? nullptr : &*it;
    }

    std::map<unsigned, std::string> texts_;
    std::map<std::string, std::string> space_of_;  ///< by HWPT
    std::map<unsigned, std::string> changes_;
    std::vector<Life> lives_;
    unsigned followed_until_ = kEnd;
};

// A parting of what the kernel does and what a program believes that has not heard of groups, within one life
// of the device.
struct Spell {
    const Life& life;
    const Parting& parting;
    unsigned from, until;
    bool lasted;  ///< until the device was closed, or the end
};

std::optional<Spell> spell_in(const Life& life, const Parting& parting, unsigned followed_until) {
    const auto ended = parting.until == 0 ? kEnd : parting.until;
    if (life.device != parting.device) return std::nullopt;
    const auto from = std::max(life.from, parting.from), until = std::min(life.until, ended);
    if (from >= until) return std::nullopt;
    return Spell{life, parting, from, until, until == life.until && until <= followed_until};
}

std::optional<Remark> sibling_elsewhere(const Facts& facts, const Spell& s) {
    const auto& [goes, told] = s.parting.views;
    const auto changed = facts.change({facts.space_of(goes), facts.space_of(told)}, s.from, s.until);
    if (!changed && !s.lasted) return std::nullopt;
    const auto attached = std::ranges::lower_bound(s.life.attached, s.from);
    Remark out{std::string(kSiblingElsewhere.id), {s.from}, {}};
    if (attached != s.life.attached.begin()) out.lines.push_back(*std::prev(attached));
    if (changed) out.lines.push_back(*changed);
    out.text = fmt::format(
        "{} was attached to '{}', but since {} its DMA goes through '{}', as its whole group's does; {}",
        s.parting.device, told, facts.text(s.from), goes,
        changed ? "then came " + facts.text(*changed) : "it was left so");
    tidy(out.lines);
    return out;
}

std::optional<Remark> reached_unattached(const Facts& facts, const Spell& s) {
    const auto& goes = s.parting.views[0];
    const bool before = std::ranges::any_of(s.life.attached, [&](unsigned line) { return line < s.from; });
    // Who is attached later was only on its way.
    const auto changed = before ? facts.change({facts.space_of(goes)}, s.from, s.until) : std::nullopt;
    const bool never = s.life.attached.empty() && s.life.until <= facts.followed_until();
    if (!changed && !never) return std::nullopt;
    Remark out{std::string(kReachedUnattached.id), {s.from}, {}};
    if (changed) out.lines.push_back(*changed);
    out.text = fmt::format(
        "{} is bound and attached to nothing, but since {} its DMA goes through '{}', as its whole group's "
        "does{}",
        s.parting.device, facts.text(s.from), goes,
        changed ? "; it reaches what " + facts.text(*changed) + " changed" : "");
    return out;
}

void remark_on_partings(const Facts& facts, const Divergence& divergence, std::vector<Remark>& out) {
    for (const auto& parting : divergence.partings) {
        const auto& [goes, told] = parting.views;
        if (goes == "none" || goes == "unknown") continue;
        for (const auto& life : facts.lives()) {
            const auto spell = spell_in(life, parting, facts.followed_until());
            if (!spell) continue;
            auto remark =
                told == "none" ? reached_unattached(facts, *spell) : sibling_elsewhere(facts, *spell);
            if (remark) out.push_back(std::move(*remark));
        }
    }
}

void remark_on_disputes(const Trace& trace, const Facts& facts, const Divergence& divergence,
                        std::vector<Remark>& out) {
    for (const auto& dispute : divergence.disputes) {
        const auto line = std::ranges::find(trace.lines, dispute.line, &Line::number);
        if (!std::holds_alternative<Attach>(*line->step()) || dispute.observed == "ok" ||
            dispute.owed[1] != "ok")
            continue;
        out.push_back({std::string(kRefusedByGroup.id),
                       {dispute.line},
                       fmt::format("{} answered {}", facts.text(dispute.line), dispute.owed[0])});
    }
}

// Mappings, and whether some device's group was on their address space while they lasted.
class Watch {
  public:
    explicit Watch(const Trace& trace) {
        for (const auto& line : trace.lines) take(line);
        for (const auto& [space, areas] : areas_)
            for (const auto& [start, area] : areas) ended(space, area);
    }
    [[nodiscard]] const std::map<SpaceId, std::vector<unsigned>>& unseen() const { return unseen_; }
    [[nodiscard]] const std::string& name(SpaceId space) const { return names_.at(space); }

  private:
    struct Mapping {
        IovaRange range;
        unsigned line = 0;
        bool seen = false;
    };

    void take(const Line& line) {
        if (after(line, kNotFollowed)) blind_ = true;
        if (const auto* fact = line.fact())
            for (const auto& change : model_->fact(*fact)) apply(change, line.number);
        const auto* answer = answer_of(line);
        if (answer == nullptr) return;
        if (const auto* copy = std::get_if<IoasCopy>(line.step()); copy != nullptr && answer->error.ok())
            copied(*copy);
        for (const auto& change : model_->apply(*line.step(), *answer)) apply(change, line.number);
    }
    void apply(const Change& change, unsigned line) {
        std::visit(
            Overloaded{
                [&](const SpaceMade& c) { names_[c.space] = c.name; },
                [&](const AreaMapped& c) {
                    areas_[c.space][c.area.range.start] = {c.area.range, line, blind_ || is_seen(c.space)};
                },
                [&](const AreaUnmapped& c) {
                    const auto node = areas_[c.space].extract(c.start);
                    if (!node.empty()) ended(c.space, node.mapped());
                },
                [&](const GroupMoved& c) { moved(c); }, [](const auto&) {}},
            change);
    }
    void moved(const GroupMoved& c) {
        views_[c.group] = c.space;
        if (!c.space) return;
        for (auto& [start, area] : areas_[*c.space]) area.seen = true;
    }
    // Its pages are used by way of the copy.
    void copied(const IoasCopy& step) {
        for (auto& [space, areas] : areas_)
            for (auto& [start, area] : areas)
                if (name(space) == step.source && area.range.overlaps(step.range)) area.seen = true;
    }
    [[nodiscard]] bool is_seen(SpaceId space) const {
        return std::ranges::any_of(views_, [&](const auto& view) { return view.second == space; });
    }
    void ended(SpaceId space, const Mapping& mapping) {
        if (!mapping.seen && !blind_) unseen_[space].push_back(mapping.line);
    }

    std::unique_ptr<Model> model_ = make_model("iommufd");
    std::map<SpaceId, std::string> names_;
    std::map<SpaceId, std::map<Iova, Mapping>> areas_;
    std::map<std::uint32_t, std::optional<SpaceId>> views_;  ///< of groups
    std::map<SpaceId, std::vector<unsigned>> unseen_;        ///< lines that mapped
    bool blind_ = false;
};

void remark_on_mappings(const Trace& trace, const Facts& facts, std::vector<Remark>& out) {
    const Watch watch(trace);
    for (auto [space, lines] : watch.unseen()) {
        tidy(lines);
        const auto first = facts.text(lines.front());
        const auto more = lines.size() == 1 ? std::string() : fmt::format(" and {} more", lines.size() - 1);
        out.push_back({std::string(kMapUnseen.id), lines,
                       fmt::format("no device was on '{}' while what {}{} mapped was there",
                                   watch.name(space), first, more)});
    }
}

}  // namespace

std::vector<Remark> remarks(const Trace& trace) {
    std::vector<Remark> out;
    try {
        const Facts facts(trace);
        const auto divergence = diverge(trace, {}, "per-device");
        remark_on_partings(facts, divergence, out);
        remark_on_disputes(trace, facts, divergence, out);
        remark_on_mappings(trace, facts, out);
    } catch (const TooManyMappings&) {  // the verdict says so
    }
    std::ranges::stable_sort(out, {}, [](const Remark& r) { return r.lines.front(); });
    return out;
}

std::vector<RemarkInfo> remark_infos() {
    return {kSiblingElsewhere, kReachedUnattached, kRefusedByGroup, kMapUnseen};
}

Omissions omissions(const Trace& trace) {
    Omissions out;
    for (const auto& line : trace.lines) {
        if (const auto what = after(line, kNotJudged))
            ++out.not_judged[std::string(what->substr(0, what->find(' ')))];
        if (const auto what = after(line, kNotFollowed)) out.not_followed.emplace_back(*what);
    }
    return out;
}

}  // namespace landfall
