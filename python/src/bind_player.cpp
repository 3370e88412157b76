// Scenario after scenario on one rig, and the few lines of one that fails.
#include <pybind11/functional.h>

#include "bind.hpp"
#include "rig/known_file.hpp"
#include "rig/player.hpp"

namespace landfall::python {
namespace {

std::unique_ptr<Player> new_player(const std::string& rig, const std::string& kernel, const std::string& kernel_args,
                                   const std::vector<std::string>& faults, const std::string& model) {
    RigOptions boot;
    boot.kernel = kernel;
    boot.kernel_args = kernel_args;
    boot.faults = faults;
    CheckOptions check;
    check.model = model;
    check.known = load_known();
    return make_player(rig, boot, std::move(check));
}

Verdict play(Player& player, const Scenario& scenario, std::uint64_t seed,
             const std::optional<Player::OnLine>& on_line) {
    return player.play(scenario, seed, on_line.value_or(Player::OnLine{}));
}

ShrinkResult shrink(Player& player, const Scenario& scenario, const std::string& rule, std::uint64_t seed,
                    double confidence) {
    return shrink_on(player, scenario, {rule, seed, confidence});
}

std::optional<Violation> first(const Verdict& verdict, const std::string& rule) {
    const auto* found = first_violation(verdict, rule);
    return found == nullptr ? std::nullopt : std::optional(*found);
}

void bind_shrunk(py::module_& m) {
    py::class_<Rate>(m, "Rate", "How often something that is left to chance fails.")
        .def_readonly("runs", &Rate::runs)
        .def_readonly("failures", &Rate::failures)
        .def("at_least", &Rate::at_least, py::arg("confidence"),
             "The probability that is not undercut, with this confidence.");
    py::class_<ShrinkResult>(m, "ShrinkResult", "What is left of a scenario that fails.")
        .def_readonly("scenario", &ShrinkResult::scenario)
        .def_readonly("violation", &ShrinkResult::violation, "Of the scenario made small.")
        .def_readonly("seed", &ShrinkResult::seed, "Of a history of it that fails.")
        .def_readonly("trace", &ShrinkResult::trace, "Of that history.")
        .def_readonly("tried", &ShrinkResult::tried, "Scenarios.")
        .def_readonly("runs", &ShrinkResult::runs)
        .def_readonly("before", &ShrinkResult::before, "Where failing is left to chance.")
        .def_readonly("after", &ShrinkResult::after);
}

}  // namespace

void bind_player(py::module_& m) {
    bind_shrunk(m);
    const ShrinkOptions plain;
    py::class_<Player>(m, "Player", "Plays scenario after scenario on one rig and judges each at once.")
        .def("features", &Player::features, Unlocked(), "The optional features of the rig.")
        .def("play", &play, py::arg("scenario"), py::arg("seed") = plain.seed, py::arg("on_line") = py::none(),
             Unlocked(), "One history; `seed` says which, on a simulated rig.");
    m.def("make_player", &new_player, py::arg("rig") = "sim", py::arg("kernel") = "", py::arg("kernel_args") = "",
          py::arg("faults") = std::vector<std::string>{}, py::arg("model") = CheckOptions{}.model, Unlocked(),
          "A player for the rig of that name or file; one that boots does so when it is needed.");
    m.def("shrink_on", &shrink, py::arg("player"), py::arg("scenario"), py::arg("rule") = plain.rule,
          py::arg("seed") = plain.seed, py::arg("confidence") = plain.confidence, Unlocked(),
          "Makes a scenario small that fails on the player's rig. Raises LabError if it does not fail.");
    m.def("first_violation", &first, py::arg("verdict"), py::arg("rule") = "",
          "The first violation of the rule, or of any, that is not known already.");
}

}  // namespace landfall::python
