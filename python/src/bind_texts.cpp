// Scenario and Trace.
#include "bind.hpp"
#include "landfall/scenario.hpp"
#include "landfall/trace.hpp"

namespace landfall::python {

void bind_texts(py::module_& m) {
    py::class_<Scenario>(m, "Scenario", "Lines in order, checked as a whole before anything runs.")
        .def_static("parse", &Scenario::parse, py::arg("text"), py::arg("file") = "<text>", Unlocked(),
                    "Parses and validates; raises TextError at the first mistake.")
        .def_static("read", &Scenario::read, py::arg("path"), Unlocked(),
                    "Reads a file; '-' is standard input.")
        .def_readonly("file", &Scenario::file)
        .def_readonly("lines", &Scenario::lines)
        .def("print", &Scenario::print, "The canonical text.")
        .def("devices", &Scenario::devices, "The device names the steps use, in order of first use.")
        .def("title", &Scenario::title, "The first comment: what the scenario claims.")
        .def("__str__", &Scenario::print)
        .def("__repr__", [](const Scenario& s) { return "<Scenario\n" + s.print() + ">"; });

    py::class_<Trace>(m, "Trace", "Facts about the rig, then every step and event in the order they ended.")
        .def_static("parse", &Trace::parse, py::arg("text"), py::arg("file") = "<text>", Unlocked(),
                    "Parses a trace; raises TextError.")
        .def_static("read", &Trace::read, py::arg("path"), Unlocked(), "Reads a file; '-' is standard input.")
        .def_readonly("file", &Trace::file)
        .def_readonly("lines", &Trace::lines)
        .def_readonly("cut", &Trace::cut, "The text ended inside a line.")
        .def("print", &Trace::print, "The canonical text.")
        .def("scenario", &Trace::scenario, "The scenario this trace is a run of.")
        .def("__str__", &Trace::print);
}

}  // namespace landfall::python
