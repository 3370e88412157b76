// Facts, events, and the line that carries them.
#include "bind.hpp"
#include "landfall/line.hpp"

namespace landfall::python {
namespace {

void bind_facts(py::module_& m) {
    grammar<DeviceFact>(m, "DeviceFact", "A device of the rig.")
        .def_readonly("name", &DeviceFact::name)
        .def_readonly("bdf", &DeviceFact::bdf)
        .def_readonly("vendor", &DeviceFact::vendor)
        .def_readonly("device", &DeviceFact::device)
        .def_readonly("group", &DeviceFact::group)
        .def_readonly("engine", &DeviceFact::engine)
        .def_readonly("alias", &DeviceFact::alias);
    grammar<StagingFact>(m, "StagingFact", "The window every IOAS maps first.")
        .def_readonly("range", &StagingFact::range);
    grammar<ReservedFact>(m, "ReservedFact", "IOVAs of a group that cannot be mapped.")
        .def_readonly("group", &ReservedFact::group)
        .def_readonly("range", &ReservedFact::range);
    grammar<TextFact>(m, "TextFact", "Anything else worth knowing: rig, kernel, iommu, feature.")
        .def_readonly("key", &TextFact::key)
        .def_readonly("value", &TextFact::value);
    grammar<EndFact>(m, "EndFact", "The run came to its end.").def_readonly("steps", &EndFact::steps);
}

void bind_events(py::module_& m) {
    grammar<FaultEvent>(m, "FaultEvent", "The IOMMU says it blocked a DMA.")
        .def_readonly("requester", &FaultEvent::requester)
        .def_readonly("access", &FaultEvent::access)
        .def_readonly("address", &FaultEvent::address)
        .def_readonly("reason", &FaultEvent::reason);
    grammar<KernelEvent>(m, "KernelEvent", "The kernel complains about itself.")
        .def_readonly("text", &KernelEvent::text);
    grammar<GuestPlace>(m, "GuestPlace", "Memory of the machine that is not the lab's.")
        .def_property_readonly("address", [](const GuestPlace& p) { return p.range.start.value; }, "Guest-physical.")
        .def_property_readonly("length", [](const GuestPlace& p) { return p.range.length; }, "Bytes.")
        .def_readonly("seq", &GuestPlace::seq, "Number of the stamps that were found in it.")
        .def_readonly("use", &GuestPlace::use, "What it was in use for.");
    grammar<StrayEvent>(m, "StrayEvent", "Bytes of the lab that no known DMA wrote, or bytes of DMA elsewhere.")
        .def_readonly("place", &StrayEvent::place);
    grammar<DmaEvent>(m, "DmaEvent", "One DMA of a pump, or several that were all alike.")
        .def_readonly("request", &DmaEvent::request)
        .def_readonly("times", &DmaEvent::times, "How many there were.");
    grammar<LabEvent>(m, "LabEvent", "The lab lost something.").def_readonly("text", &LabEvent::text);
}

// Line holds its three kinds of body in one variant; Python asks for the kind it wants and gets None for
// another.
template <class T>
std::optional<T> body(const Line& line) {
    const auto* p = std::get_if<T>(&line.body);
    return p == nullptr ? std::nullopt : std::optional<T>(*p);
}

void bind_line(py::module_& m) {
    grammar<Line>(m, "Line", "One line of a scenario or trace.")
        .def_readonly("number", &Line::number, "1-based line in its file.")
        .def_readonly("when", &Line::when)
        .def_property_readonly("step", &body<Step>)
        .def_property_readonly("fact", &body<Fact>)
        .def_property_readonly("event", &body<Event>)
        .def_readonly("expected", &Line::expected)
        .def_readonly("observed", &Line::observed)
        .def_readonly("comment", &Line::comment);
    m.def(
        "parse_line",
        [](const std::string& text, const std::string& file, unsigned number) {
            return parse_line(text, file, number);
        },
        py::arg("text"), py::arg("file") = "<text>", py::arg("number") = 1,
        "Parses one line; raises TextError.");
    m.def("as_scenario", &as_scenario, py::arg("line"), "The scenario line a line of a trace came from.");
}

}  // namespace

void bind_records(py::module_& m) {
    bind_facts(m);
    bind_events(m);
    bind_line(m);
}

}  // namespace landfall::python
