// Scenarios nobody wrote.
#include <pybind11/functional.h>

#include "bind.hpp"
#include "landfall/generate.hpp"
#include "landfall/in_flight.hpp"
#include "landfall/random.hpp"
#include "rig/fuzz.hpp"

namespace landfall::python {
namespace {

/// A subclass in Python.
class PythonChoices final : public Choices {
  public:
    [[nodiscard]] std::uint64_t below(std::uint64_t n) override {
        const auto chosen = asked(n);
        if (chosen < n) return chosen;
        throw py::value_error("chose " + std::to_string(chosen) + ", not a number below " + std::to_string(n));
    }
    using Part = std::function<std::uint64_t()>;
    void extend(std::uint64_t least, std::uint64_t most, const Part& part) override {
        PYBIND11_OVERRIDE(void, Choices, extend, least, most, part);
    }

  private:
    std::uint64_t asked(std::uint64_t n) { PYBIND11_OVERRIDE_PURE(std::uint64_t, Choices, below, n); }
};

void bind_choices(py::module_& m) {
    py::class_<Choices, PythonChoices>(m, "Choices", "Where arbitrary decisions come from; to be subclassed.")
        .def(py::init<>())
        .def("below", &Choices::below, py::arg("n"), "A number in [0, n). Small ones lead to simple things.")
        .def("extend", &Choices::extend, py::arg("least"), py::arg("most"), py::arg("part"),
             "Calls part() until the length it returns is a chosen one, at most `most` times.");
    py::class_<Random, Choices>(m, "Random", "The same numbers for the same seed on every machine.")
        .def(py::init<std::uint64_t>(), py::arg("seed"));
}

GenerateOptions make_options(std::vector<std::vector<std::string>> groups, std::vector<std::string> features,
                             std::size_t most_steps, bool lanes, bool background, bool copies_beside) {
    return {std::move(groups), std::move(features), most_steps, lanes, background, copies_beside};
}

void bind_options(py::module_& m) {
    const GenerateOptions plain;
    py::class_<GenerateOptions>(m, "GenerateOptions", "What a generated scenario may be made of.")
        .def(py::init(&make_options), py::kw_only(), py::arg("groups") = plain.groups,
             py::arg("features") = plain.features, py::arg("most_steps") = plain.most_steps,
             py::arg("lanes") = plain.lanes, py::arg("background") = plain.background,
             py::arg("copies_beside") = plain.copies_beside)
        .def_readonly("groups", &GenerateOptions::groups, "Devices, group by group.")
        .def_readonly("features", &GenerateOptions::features, "What the rig has; the rest is not used.")
        .def_readonly("most_steps", &GenerateOptions::most_steps,
                      "About; the objects a scenario begins with come on top.")
        .def_readonly("lanes", &GenerateOptions::lanes, "Blocks of steps that run side by side.")
        .def_readonly("background", &GenerateOptions::background,
                      "start/wait and pump/halt around other steps.")
        .def_readonly("copies_beside", &GenerateOptions::copies_beside,
                      "Copies while other DMA is under way, whose bytes a real rig then finds in two places.");
}

}  // namespace

void bind_generate(py::module_& m) {
    bind_choices(m);
    bind_options(m);
    const auto plain = py::arg_v("options", GenerateOptions{}, "GenerateOptions()");
    m.def("generate", &generate, py::arg("choices"), plain,
          "A scenario, every decision of which is asked of `choices`. Where all are 0 it is the simplest.");
    m.def("fuzz_scenario", &fuzz_scenario, py::arg("seed"), plain, Unlocked(),
          "The scenario that `landfall fuzz` runs for this seed.");
    m.def("in_flight", &in_flight, py::arg("scenario"), Unlocked(),
          "The scenario with its DMA in flight while things change.");
}

}  // namespace landfall::python
