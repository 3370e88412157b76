#include "landfall/in_flight.hpp"

#include <algorithm>

namespace landfall {
namespace {

bool changes_translation(const Line& line) {
    const auto* s = line.step();
    return s != nullptr && line.lane == 0 &&
           (std::holds_alternative<Map>(*s) || std::holds_alternative<Unmap>(*s) ||
            std::holds_alternative<IoasCopy>(*s) || std::holds_alternative<Attach>(*s) ||
            std::holds_alternative<Detach>(*s) || std::holds_alternative<Destroy>(*s));
}

Line with(Step step, std::string comment = {}) {
    Line line;
    line.body = std::move(step);
    line.comment = std::move(comment);
    return line;
}

}  // namespace

Scenario in_flight(const Scenario& scenario) {
    Scenario out{scenario.file, {}};
    const auto& lines = scenario.lines;
    for (std::size_t i = 0; i < lines.size();) {
        // The DMAs right behind a change, one a device.
        std::vector<const Line*> dmas;
        std::vector<std::string> devices;
        std::size_t next = i + 1;
        for (; changes_translation(lines[i]) && next < lines.size(); ++next) {
            const auto* dma = lines[next].step() == nullptr ? nullptr : std::get_if<Dma>(lines[next].step());
            if (dma == nullptr && lines[next].step() != nullptr) break;
            if (dma == nullptr) continue;
            const auto& name = dma->request.device;
            if (lines[next].lane != 0 || std::ranges::find(devices, name) != devices.end()) break;
            dmas.push_back(&lines[next]);
            devices.push_back(name);
        }
        if (dmas.empty()) {
            out.lines.push_back(lines[i++]);
            continue;
        }
        for (const auto* line : dmas) out.lines.push_back(with(Start{std::get<Dma>(*line->step()).request}));
        out.lines.push_back(lines[i]);
        for (const auto* line : dmas)
            out.lines.push_back(with(Wait{std::get<Dma>(*line->step()).request.device}, line->comment));
        i = next;
    }
    for (std::size_t i = 0; i < out.lines.size(); ++i) out.lines[i].number = static_cast<unsigned>(i + 1);
    return out;
}

}  // namespace landfall
