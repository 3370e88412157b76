// The simulated machine: what it gets wrong on purpose, and every order in which it can do a thing.
#include <pybind11/functional.h>

#include "bind.hpp"
#include "landfall/trace.hpp"
#include "rig/sim_rig.hpp"
#include "sim/explore.hpp"

namespace landfall::python {
namespace {

using Faults = std::vector<std::string>;
using See = std::function<bool(const sim::History&)>;

sim::Config config(const std::string& rig, const Faults& faults, unsigned burst) {
    auto config = sim_config(load_rig(rig), faults);
    config.burst = burst;
    return config;
}

sim::Explored explore(const Scenario& scenario, const See& see, const std::string& rig, const Faults& faults,
                      std::uint64_t schedules, std::uint64_t seed, bool exhaustive, unsigned burst) {
    return sim::explore(scenario, {config(rig, faults, burst), schedules, seed, exhaustive}, see);
}

sim::History replay(const Scenario& scenario, const std::string& schedule, const std::string& rig, const Faults& faults,
                    unsigned burst) {
    return sim::replay(scenario, config(rig, faults, burst), sim::parse_schedule(schedule));
}

void bind_faults(py::module_& m) {
    py::class_<sim::FaultInfo>(m, "FaultInfo", "Something a simulated rig can get wrong on purpose.")
        .def_readonly("name", &sim::FaultInfo::name)
        .def_readonly("rules", &sim::FaultInfo::rules, "Those that are to see it, the best first.")
        .def_readonly("text", &sim::FaultInfo::text, "What goes wrong.");
    m.def(
        "fault_table", [] { return std::vector(sim::fault_table().begin(), sim::fault_table().end()); },
        "Every fault.");
    m.def(
        "fault_named", [](const std::string& name) { return sim::fault_table()[static_cast<std::size_t>(sim::fault_named(name))]; },
        py::arg("name"), "Raises TextError with the names that come close.");
}

}  // namespace

void bind_sim(py::module_& m) {
    bind_faults(m);
    const sim::ExploreOptions plain;
    py::class_<sim::History>(m, "History", "What became of one interleaving.")
        .def_property_readonly("trace", [](const sim::History& h) { return Trace{"<explored>", h.lines, false}; })
        .def_property_readonly("schedule", [](const sim::History& h) { return sim::schedule_str(h.schedule); },
                               "For replay(); empty if `seed` says which it is.")
        .def_readonly("seed", &sim::History::seed);
    py::class_<sim::Explored>(m, "Explored", "How far an exploration came.")
        .def_readonly("schedules", &sim::Explored::schedules, "That ran to their end.")
        .def_readonly("distinct", &sim::Explored::distinct,
                      "That differ in more than the order of steps that do not touch each other.")
        .def_readonly("cut", &sim::Explored::cut, "Exhaustive: given up, for another covers them.")
        .def_readonly("micro_steps", &sim::Explored::micro_steps)
        .def_readonly("complete", &sim::Explored::complete, "Exhaustive: there are no others.");
    m.def("explore", &explore, py::arg("scenario"), py::arg("see"), py::arg("rig") = "sim",
          py::arg("faults") = Faults{}, py::arg("schedules") = plain.schedules, py::arg("seed") = plain.seed,
          py::arg("exhaustive") = plain.exhaustive, py::arg("burst") = plain.config.burst, Unlocked(),
          "Plays the scenario in one interleaving after the other, at most `schedules`, while `see` says True.");
    m.def("replay", &replay, py::arg("scenario"), py::arg("schedule"), py::arg("rig") = "sim",
          py::arg("faults") = Faults{}, py::arg("burst") = plain.config.burst, Unlocked(),
          "Plays the scenario in this one interleaving.");
}

}  // namespace landfall::python
