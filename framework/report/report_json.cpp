// The second half of the report's data: everything collected, as JSON. page/data.js reads it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "landfall/report.hpp"
#include "report/report_data.hpp"

namespace landfall {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kNever = -1;  // an instant that is not there

Json interval_json(const Interval& i) { return {exact(i.begin.value), exact(i.end.value)}; }

std::int64_t begin_of(const std::optional<Interval>& i) {
    return i ? static_cast<std::int64_t>(exact(i->begin.value)) : kNever;
}
std::int64_t end_of(const std::optional<Interval>& i) {
    return i ? static_cast<std::int64_t>(exact(i->end.value)) : kNever;
}

// An address is a page number, which a double holds exactly, and the bytes behind it.
std::uint64_t page_of(Iova a) { return a.value / kPageSize; }
std::uint64_t byte_of(Iova a) { return a.value % kPageSize; }

template <class Row, class Life>
void put_life(Json& out, const std::vector<Row>& rows, Life life) {
    out["b0"] = column(rows, [&](const Row& r) { return begin_of(life(r).began); });
    out["b1"] = column(rows, [&](const Row& r) { return end_of(life(r).began); });
    out["e0"] = column(rows, [&](const Row& r) { return begin_of(life(r).ended); });
    out["e1"] = column(rows, [&](const Row& r) { return end_of(life(r).ended); });
    out["line"] = column(rows, [&](const Row& r) { return life(r).began_line; });
}

// The spells of all devices or groups, one behind the other, with the key they belong to.
template <class Map, class Number>
auto flat(const Map& map, Number number) {
    using Spell = typename Map::mapped_type::value_type;
    std::vector<std::pair<std::int64_t, Spell>> out;
    for (const auto& [key, spells] : map)
        for (const auto& spell : spells) out.emplace_back(number(key), spell);
    return out;
}

Json device_json(const DeviceFact& d) {
    return {
        {"name", d.name},   {"bdf", d.bdf.str()}, {"id", fmt::format("{:04x}:{:04x}", d.vendor, d.device)},
        {"group", d.group}, {"engine", d.engine}, {"alias", d.alias ? d.alias->str() : ""}};
}

Json violation_json(const Violation& v) {
    return {{"rule", v.rule},
            {"line", v.line},
            {"device", v.device},
            {"summary", v.summary},
            {"promise", v.promise},
            {"source", v.source},
            {"known", v.known},
            {"witness", v.witness},
            {"window", v.window ? interval_json(*v.window) : Json()},
            {"candidates", v.candidates},
            {"observed", v.observed}};
}

// In the order in which they began, where the page looks for them; a trace has them in the order in which
// they ended.
template <class Row>
std::vector<Row> by_begin(std::vector<Row> rows) {
    std::ranges::stable_sort(rows, {}, [](const Row& r) { return r.when.begin; });
    return rows;
}

std::string rules_of(const std::vector<Violation>& violations, bool known) {
    std::set<std::string> names;
    for (const auto& v : violations)
        if (v.known.empty() != known) names.insert(v.rule);
    return fmt::format("{}", fmt::join(names, ", "));
}

// JSON in an HTML script element ends at the first "</script"; with no '<' at all there is nothing to find.
std::string without_tags(std::string text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (c == '<')
            out += "\\u003c";
        else
            out += c;
    }
    return out;
}

}  // namespace

std::string headline(const Verdict& verdict) {
    const auto fresh = static_cast<std::uint64_t>(std::ranges::count_if(
                           verdict.violations, [](const Violation& v) { return v.known.empty(); })) +
                       verdict.dropped;
    switch (verdict.kind) {
        case Verdict::Kind::violation:
            return fmt::format("{} violation{}: {}", fresh, fresh == 1 ? "" : "s",
                               rules_of(verdict.violations, false));
        case Verdict::Kind::inconclusive: return "Inconclusive: " + verdict.reason;
        case Verdict::Kind::unmet: return "Not run to its end, a requirement is unmet: " + verdict.reason;
        case Verdict::Kind::pass: break;
    }
    return verdict.violations.empty() ? "Pass: every byte is accounted for"
                                      : "Pass, on known findings only: " + rules_of(verdict.violations, true);
}

std::string ReportData::json(const Verdict& verdict, bool cut) const {
    auto texts = texts_;
    Json out{{"file", file_}, {"model", views_.model()}, {"title", title_.empty() ? note_ : title_}};
    out["known_until"] = known_until_ ? Json(exact(*known_until_)) : Json();
    out["verdict"] = verdict_json(verdict, cut);
    out["facts"] = facts_json();
    out["devices"] = devices_;
    out["buffers"] = Json::array();
    for (const auto& name : buffers_) {
        const auto it = scene_.buffers.find(name);
        out["buffers"].push_back({name, it == scene_.buffers.end() ? 0 : exact(it->second.size)});
    }
    out["places"] = Json::array();
    for (const auto& p : places_) out["places"].push_back({p.text, p.buffer});
    out["steps"] = entries_json(steps_);
    out["events"] = entries_json(events_);
    out["dmas"] = dmas_json();
    out["views"] = views_json(texts);
    out["texts"] = texts.all();
    return without_tags(out.dump(-1, ' ', false, Json::error_handler_t::replace));
}

nlohmann::json ReportData::verdict_json(const Verdict& verdict, bool cut) const {
    Json out{{"kind", verdict_str(verdict.kind)},
             {"headline", headline(verdict)},
             {"summary", summary(verdict)},
             {"reason", verdict.reason},
             {"dropped", verdict.dropped},
             {"steps", verdict.steps},
             {"dmas", verdict.dmas},
             {"faults", verdict.faults},
             {"cut", cut}};
    out["violations"] = Json::array();
    for (const auto& v : verdict.violations) out["violations"].push_back(violation_json(v));
    return out;
}

nlohmann::json ReportData::facts_json() const {
    Json out{{"devices", Json::array()}, {"words", Json::array()}, {"lines", Json::array()}};
    for (const auto& [line, fact] : facts_) {
        if (const auto* d = std::get_if<DeviceFact>(&fact)) out["devices"].push_back(device_json(*d));
        if (const auto* t = std::get_if<TextFact>(&fact)) out["words"].push_back({t->key, t->value});
        out["lines"].push_back({line, landfall::print(fact)});
    }
    if (scene_.staging)
        out["staging"] = {page_of(scene_.staging->start), page_of(scene_.staging->last()) + 1};
    return out;
}

nlohmann::json ReportData::entries_json(const std::vector<Entry>& as_ended) const {
    const auto entries = by_begin(as_ended);
    Json out{{"rows", entries.size()}};
    out["t0"] = column(entries, [](const Entry& e) { return exact(e.when.begin.value); });
    out["t1"] = column(entries, [](const Entry& e) { return exact(e.when.end.value); });
    out["line"] = column(entries, [](const Entry& e) { return e.line; });
    out["lane"] = column(entries, [](const Entry& e) { return e.lane; });
    out["text"] = column(entries, [](const Entry& e) { return e.text; });
    out["outcome"] = column(entries, [](const Entry& e) { return e.outcome; });
    out["expected"] = column(entries, [](const Entry& e) { return e.expected; });
    out["note"] = column(entries, [](const Entry& e) { return e.note; });
    out["device"] = column(entries, [](const Entry& e) { return e.device; });
    out["kind"] = column(entries, [](const Entry& e) { return e.kind; });
    return out;
}

nlohmann::json ReportData::dmas_json() const {
    const auto dmas = by_begin(dmas_);
    Json out{{"rows", dmas.size()}};
    out["t0"] = column(dmas, [](const Transfer& t) { return exact(t.when.begin.value); });
    out["t1"] = column(dmas, [](const Transfer& t) { return exact(t.when.end.value); });
    out["line"] = column(dmas, [](const Transfer& t) { return t.line; });
    out["device"] = column(dmas, [](const Transfer& t) { return t.device; });
    out["verb"] = column(dmas, [](const Transfer& t) { return static_cast<int>(t.verb); });
    out["page"] = column(dmas, [](const Transfer& t) { return page_of(t.range.start); });
    out["byte"] = column(dmas, [](const Transfer& t) { return byte_of(t.range.start); });
    out["length"] = column(dmas, [](const Transfer& t) { return exact(t.range.length); });
    out["target_page"] = column(dmas, [](const Transfer& t) { return page_of(t.target); });
    out["target_byte"] = column(dmas, [](const Transfer& t) { return byte_of(t.target); });
    out["place"] = column(dmas, [](const Transfer& t) { return t.place; });
    out["status"] = column(dmas, [](const Transfer& t) { return t.status; });
    out["seq"] = column(dmas, [](const Transfer& t) { return exact(t.seq); });
    out["times"] = column(dmas, [](const Transfer& t) { return exact(t.times); });
    out["expected"] = column(dmas, [](const Transfer& t) { return t.expected; });
    out["note"] = column(dmas, [](const Transfer& t) { return t.note; });
    return out;
}

nlohmann::json ReportData::views_json(Texts& texts) const {
    const auto device_number = [&](const std::string& name) {
        return std::ranges::find(devices_, name) - devices_.begin();
    };
    const auto life_of = [](const auto& row) -> const Lifetime& { return row.second.life; };
    Json out{{"spaces", views_.spaces()}, {"units", Json::array()}};
    for (const auto& name : devices_) {
        const auto it = views_.units().find(name);
        out["units"].push_back(it == views_.units().end() ? Json() : Json(it->second));
    }
    const auto domains = flat(views_.domains(), [](auto unit) { return unit; });
    auto& d = out["domains"] = {{"rows", domains.size()}};
    d["unit"] = column(domains, [](const auto& r) { return r.first; });
    d["space"] = column(domains, [](const auto& r) {
        return r.second.space ? static_cast<std::int64_t>(r.second.space->value) : kNever;
    });
    d["name"] = column(domains, [&](const auto& r) { return texts.add(r.second.domain); });
    put_life(d, domains, life_of);

    const auto gates = flat(views_.gates(), device_number);
    auto& g = out["gates"] = {{"rows", gates.size()}};
    g["device"] = column(gates, [](const auto& r) { return r.first; });
    g["open"] = column(gates, [](const auto& r) { return r.second.open ? 1 : 0; });
    put_life(g, gates, life_of);

    const auto declared = flat(views_.declared(), device_number);
    auto& b = out["declared"] = {{"rows", declared.size()}};
    b["device"] = column(declared, [](const auto& r) { return r.first; });
    b["name"] = column(declared, [&](const auto& r) { return texts.add(r.second.domain); });
    put_life(b, declared, life_of);

    out["mappings"] = mappings_json();
    return out;
}

nlohmann::json ReportData::mappings_json() const {
    using Mapped = ViewLog::Mapped;
    const auto& mapped = views_.mappings();
    const auto area = [](const Mapped& r) -> const Area& { return r.spell.area; };
    Json m{{"rows", mapped.size()}};
    m["space"] = column(mapped, [](const Mapped& r) { return r.space.value; });
    m["page"] = column(mapped, [&](const Mapped& r) { return page_of(area(r).range.start); });
    m["byte"] = column(mapped, [&](const Mapped& r) { return byte_of(area(r).range.start); });
    m["length"] = column(mapped, [&](const Mapped& r) { return exact(area(r).range.length); });
    m["access"] =
        column(mapped, [&](const Mapped& r) { return area(r).access.read + 2 * area(r).access.write; });
    m["buffer"] = column(mapped, [&](const Mapped& r) {
        const auto it = buffer_numbers_.find(area(r).memory.buffer);
        return it == buffer_numbers_.end() ? std::int32_t{-1} : it->second;
    });
    m["offset"] =
        column(mapped, [&](const Mapped& r) { return area(r).memory.address - area(r).memory.skew; });
    put_life(m, mapped, [](const Mapped& r) -> const Lifetime& { return r.spell.life; });
    return m;
}

}  // namespace landfall
