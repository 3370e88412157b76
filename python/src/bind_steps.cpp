// One class a verb, as in landfall/step.hpp: read only, made by parse_line().
#include "bind.hpp"
#include "landfall/line.hpp"

namespace landfall::python {
namespace {

void bind_objects(py::module_& m) {
    auto require = grammar<Require>(m, "Require", "What the rig must have.");
    py::enum_<Require::Kind>(require, "Kind")
        .value("same_group", Require::Kind::same_group)
        .value("different_groups", Require::Kind::different_groups)
        .value("engine", Require::Kind::engine)
        .value("feature", Require::Kind::feature);
    require.def_readonly("kind", &Require::kind).def_readonly("names", &Require::names);

    grammar<Buffer>(m, "Buffer", "Memory of the lab, filled with a pattern all its own.")
        .def_readonly("name", &Buffer::name)
        .def_readonly("size", &Buffer::size)
        .def_readonly("huge", &Buffer::huge)
        .def_readonly("memfd", &Buffer::memfd)
        .def_readonly("read_only", &Buffer::read_only, "None, or the bytes of it that the process may only read.")
        .def_readonly("skew", &Buffer::skew)
        .def_readonly("scattered", &Buffer::scattered);
    grammar<Ioas>(m, "Ioas", "A new I/O address space.")
        .def_readonly("name", &Ioas::name)
        .def_readonly("bare", &Ioas::bare);
    grammar<Hwpt>(m, "Hwpt", "An explicit hardware page table of an IOAS.")
        .def_readonly("name", &Hwpt::name)
        .def_readonly("ioas", &Hwpt::ioas)
        .def_readonly("device", &Hwpt::device);
    grammar<Destroy>(m, "Destroy", "Destroys an IOAS or HWPT.").def_readonly("object", &Destroy::object);
}

void bind_mapping(py::module_& m) {
    grammar<Map>(m, "Map", "Maps a buffer into an IOAS.")
        .def_readonly("ioas", &Map::ioas)
        .def_readonly("iova", &Map::iova, "None: the kernel chooses.")
        .def_readonly("memory", &Map::memory)
        .def_readonly("access", &Map::access)
        .def_readonly("file", &Map::file);
    grammar<IoasCopy>(m, "IoasCopy", "Maps the pages of another mapping.")
        .def_readonly("destination", &IoasCopy::destination)
        .def_readonly("iova", &IoasCopy::iova)
        .def_readonly("source", &IoasCopy::source)
        .def_readonly("range", &IoasCopy::range)
        .def_readonly("access", &IoasCopy::access);
    grammar<Unmap>(m, "Unmap", "Removes mappings.")
        .def_readonly("ioas", &Unmap::ioas)
        .def_readonly("range", &Unmap::range, "None: everything.");
    grammar<Ranges>(m, "Ranges", "Asks which IOVAs can be mapped.").def_readonly("ioas", &Ranges::ioas);
    grammar<Allow>(m, "Allow", "Sets the IOVAs that must stay mappable.")
        .def_readonly("ioas", &Allow::ioas)
        .def_readonly("ranges", &Allow::ranges);
    grammar<Option>(m, "Option", "Switches huge pages of an IOAS.")
        .def_readonly("ioas", &Option::ioas)
        .def_readonly("huge_pages", &Option::huge_pages);
}

void bind_attachment(py::module_& m) {
    grammar<Attach>(m, "Attach", "Attaches or replaces: one ioctl, two beliefs of the writer.")
        .def_readonly("device", &Attach::device)
        .def_readonly("domain", &Attach::domain)
        .def_readonly("replace", &Attach::replace);
    grammar<Detach>(m, "Detach", "Detaches a device.").def_readonly("device", &Detach::device);
    auto control = grammar<DeviceControl>(m, "DeviceControl", "Opens, closes or resets a device.");
    py::enum_<DeviceControl::Verb>(control, "Verb")
        .value("open", DeviceControl::Verb::open)
        .value("close", DeviceControl::Verb::close)
        .value("reset", DeviceControl::Verb::reset);
    control.def_readonly("verb", &DeviceControl::verb).def_readonly("device", &DeviceControl::device);
}

void bind_dma(py::module_& m) {
    auto request = grammar<DmaRequest>(m, "DmaRequest", "What a DMA is asked to do.");
    py::enum_<DmaRequest::Verb>(request, "Verb")
        .value("write", DmaRequest::Verb::write)
        .value("read", DmaRequest::Verb::read)
        .value("copy", DmaRequest::Verb::copy);
    request.def_readonly("device", &DmaRequest::device)
        .def_readonly("verb", &DmaRequest::verb)
        .def_readonly("range", &DmaRequest::range)
        .def_readonly("target", &DmaRequest::target);
    grammar<Dma>(m, "Dma", "One DMA, waited for.").def_readonly("request", &Dma::request);
    grammar<Start>(m, "Start", "Starts one DMA.").def_readonly("request", &Start::request);
    grammar<Wait>(m, "Wait", "Sees a started DMA through.").def_readonly("device", &Wait::device);
    grammar<Pump>(m, "Pump", "Repeats a DMA in the background, or walks through its range piece by piece.")
        .def_readonly("request", &Pump::request)
        .def_readonly("by", &Pump::by, "Bytes of a piece; 0: the range at once.")
        .def_readonly("deep", &Pump::deep, "DMAs under way, at most.")
        .def_readonly("every", &Pump::every, "Nanoseconds from the start of one to the start of the next, at least.");
    grammar<Halt>(m, "Halt", "Ends a pump.").def_readonly("device", &Halt::device);
    grammar<View>(m, "View", "Finds the IOAS a device's DMA goes through.")
        .def_readonly("device", &View::device);
    grammar<Sleep>(m, "Sleep", "Does nothing for a while.")
        .def_readonly("duration", &Sleep::duration, "Nanoseconds.");
    grammar<Witness>(m, "Witness", "Has all memory of the machine searched for what DMA left outside the lab's pages.");
}

}  // namespace

void bind_steps(py::module_& m) {
    bind_objects(m);
    bind_mapping(m);
    bind_attachment(m);
    bind_dma(m);
}

}  // namespace landfall::python
