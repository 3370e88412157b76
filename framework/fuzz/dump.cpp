#include <algorithm>
#include <sstream>

#include "fuzz/property.hpp"
#include "pci/facts.hpp"
#include "pci/report.hpp"

namespace landfall::fuzz {

void dump_holds(std::string_view text) {
    Machine machine;
    try {
        std::istringstream in{std::string(text)};
        machine = discover_dump(in, "<text>");
    } catch (const TextError&) {
        return;
    }
    static_cast<void>(topology_text(machine));
    static_cast<void>(topology_json(machine));
    const auto grouped = std::ranges::find_if(machine.functions, [](const Function& f) { return f.group.has_value(); });
    if (grouped == machine.functions.end()) return;
    std::vector<Line> head;
    for (auto& fact : device_facts(machine, {{"a", grouped->bdf}}, [](const auto&) { return "-"; }))
        head.emplace_back().body = std::move(fact);
    reads_back(head);
}

}  // namespace landfall::fuzz
