#include <cstdlib>
#include <nlohmann/json.hpp>

#include "report.hpp"
#include "topology.hpp"

namespace landfall {
namespace {

using Json = nlohmann::ordered_json;

const char* visible_str(Visible v) {
    switch (v) {
        case Visible::nothing: return "nothing";
        case Visible::header: return "header";
        case Visible::standard: return "standard";
        case Visible::full: return "full";
    }
    std::abort();
}

const char* isolation_str(Isolation i) {
    switch (i) {
        case Isolation::no: return "no";
        case Isolation::unknown: return "unknown";
        case Isolation::yes: return "yes";
    }
    std::abort();
}

template <class T>
Json optional(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}

Json function_json(const Topology& topology, FunctionIndex i) {
    const auto& f = topology.functions()[i];
    Json j{
        {"bdf", f.bdf.str()},
        {"vendor", f.vendor},
        {"device", f.device},
        {"class", f.device_class},
        {"name", f.name},
        {"driver", f.driver},
        {"group", optional(f.group)},
        {"requester_id", requester_id(topology, i).str()},
        {"visible", visible_str(f.visible)},
        {"multifunction", f.multifunction},
        {"isolates", isolation_str(isolation(f))},
        {"port_type", f.port ? Json(static_cast<unsigned>(*f.port)) : Json(nullptr)},
        {"acs", f.acs ? Json{{"capability", f.acs->capability}, {"control", f.acs->control}} : Json(nullptr)},
        {"bar_sizes", f.bar_sizes},
        {"capabilities", Json::array()}};
    if (f.bridge)
        j["bridge"] = {{"primary", f.bridge->primary},
                       {"secondary", f.bridge->secondary},
                       {"subordinate", f.bridge->subordinate}};
    if (const auto above = topology.above(i)) j["above"] = topology.functions()[*above].bdf.str();
    for (const auto& cap : f.capabilities)
        j["capabilities"].push_back({{"id", cap.id}, {"offset", cap.offset}, {"extended", cap.extended}});
    return j;
}

Json group_json(const Topology& topology, const PredictedGroup& group) {
    Json j{{"members", Json::array()}, {"certain", group.certain()}, {"reasons", Json::array()}};
    for (const auto f : group.members) j["members"].push_back(topology.functions()[f].bdf.str());
    for (const auto& reason : group.reasons) j["reasons"].push_back(explain(topology, reason));
    return j;
}

}  // namespace

std::string topology_json(const Machine& machine) {
    const Topology topology(machine);
    const auto predicted = predict_groups(topology);
    Json j{{"functions", Json::array()}, {"predicted_groups", Json::array()}};
    for (FunctionIndex i = 0; i < machine.functions.size(); ++i)
        j["functions"].push_back(function_json(topology, i));
    for (const auto& group : predicted) j["predicted_groups"].push_back(group_json(topology, group));
    j["differences"] = differences(topology, predicted);
    return j.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace landfall
