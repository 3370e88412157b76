// What became of a step.
#include "bind.hpp"
#include "landfall/line.hpp"

namespace landfall::python {
namespace {

Outcome parse_outcome(const std::string& text) {
    return *parse_line("sleep 1ns => " + text, "<text>", 0).expected;
}

/// An outcome, and the question whether it is what someone expected.
template <class T>
py::class_<T> outcome(py::module_& m, const char* name, const char* doc) {
    return grammar<T>(m, name, doc)
        .def(
            "fulfils",
            [](const T& o, const std::string& expected) { return fulfils(o, parse_outcome(expected)); },
            py::arg("expected"), "True if `expected`, written as in a scenario, allows this outcome.");
}

void bind_landing(py::module_& m) {
    py::class_<Segment>(m, "Segment",
                        "Consecutive bytes of a DMA and the one place they went to or came from.")
        .def_readonly("place", &Segment::place, "None: nowhere the lab can see.")
        .def_readonly("length", &Segment::length);
    auto landing = outcome<Landing>(m, "Landing", "What became of one DMA.");
    py::enum_<Landing::Status>(landing, "Status")
        .value("done", Landing::Status::done)
        .value("error", Landing::Status::error)
        .value("timeout", Landing::Status::timeout);
    landing.def_readonly("status", &Landing::status)
        .def_readonly("seq", &Landing::seq)
        .def_readonly("from_", &Landing::from)
        .def_readonly("lands", &Landing::lands)
        .def_readonly("also", &Landing::also);
}

}  // namespace

void bind_outcomes(py::module_& m) {
    outcome<Answer>(m, "Answer", "The kernel's answer to a control step.")
        .def_property_readonly("ok", [](const Answer& a) { return a.error.ok(); })
        .def_readonly("errno", &Answer::error, "0 is success; compare with the names of the errno module.")
        .def_readonly("value", &Answer::value)
        .def_readonly("ranges", &Answer::ranges);
    bind_landing(m);
    outcome<Sighting>(m, "Sighting", "The IOAS a device's DMA was found to go through.")
        .def_readonly("ioas", &Sighting::ioas, "None: it goes nowhere.");
    outcome<Unmet>(m, "Unmet", "A requirement this rig does not fulfil.")
        .def_readonly("reason", &Unmet::reason);
    outcome<Broken>(m, "Broken", "The lab could not carry the step out.")
        .def_readonly("reason", &Broken::reason);
}

}  // namespace landfall::python
