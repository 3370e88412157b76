#include <fmt/format.h>

#include "fuzz/property.hpp"
#include "landfall/in_flight.hpp"
#include "landfall/report.hpp"
#include "rig/player.hpp"

namespace landfall::fuzz {
namespace {

// What a scenario may move about, so that one run of it takes milliseconds.
constexpr std::size_t kMostLines = 200;
constexpr std::uint64_t kMostBytes = 32U << 20;

bool is_small(const Scenario& scenario) {
    std::uint64_t bytes = 0;
    for (const auto& line : scenario.lines) {
        std::uint64_t more = 0;
        if (line.step() == nullptr) continue;
        if (const auto* buffer = std::get_if<Buffer>(line.step())) more = buffer->size;
        if (const auto* copy = std::get_if<IoasCopy>(line.step())) more = copy->range.length;
        if (const auto* map = std::get_if<Map>(line.step())) more = map->memory.span ? map->memory.span->length : 4U << 20;
        if (more > kMostBytes - bytes) return false;
        bytes += more;
    }
    return scenario.lines.size() <= kMostLines;
}

void reads_back_as_scenario(const Scenario& scenario) {
    const auto printed = scenario.print();
    const auto again = Scenario::parse(printed, scenario.file);
    insist(again.lines == scenario.lines, "what was printed is another scenario:\n" + printed);
    insist(again.print() == printed, "printed twice, the scenarios differ:\n" + printed);
}

// The simulated kernel and the checker's model were written apart; without a fault they agree.
void agrees_with(Player& rig, const Scenario& scenario, std::uint64_t seed) {
    Trace trace{scenario.file, {}, false};
    const auto verdict = rig.play(scenario, seed, [&](const Line& line) { trace.lines.push_back(line); });
    for (const auto& v : verdict.violations)
        insist(false, fmt::format("on {} with seed {}:\n{}\n{}", rig.file().name, seed, trace.print(), explain(trace, v)));
    reads_back(trace.lines);
    // A run that came to its end has all that the scenario began.
    if (verdict.kind == Verdict::Kind::pass) reads_back_as_scenario(Scenario::parse(trace.print()));
    survives_cut(trace.print(), verdict);
}

}  // namespace

void scenario_holds(std::string_view text) {
    auto read = accepted<Scenario>(text);
    if (!read) return;
    auto& scenario = *read;
    reads_back_as_scenario(scenario);
    reads_back_as_scenario(in_flight(scenario));
    if (!is_small(scenario)) return;
    // What the text expects of a run may well be wrong.
    for (auto& line : scenario.lines) line.expected.reset();
    static const auto rigs = [] {
        std::vector<std::unique_ptr<Player>> all;
        for (const char* name : {"sim", "sim-bridge"}) all.push_back(make_player(name, {}, {}));
        return all;
    }();
    for (const auto& rig : rigs) agrees_with(*rig, scenario, number_of(text));
}

}  // namespace landfall::fuzz
