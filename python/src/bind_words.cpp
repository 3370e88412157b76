// Ranges, slices and intervals: what steps, outcomes and events are made of.
#include "bind.hpp"
#include "landfall/line.hpp"

namespace landfall::python {

void bind_words(py::module_& m) {
    grammar<IovaRange>(m, "IovaRange", "Bytes of I/O virtual address space, from `start`.")
        .def_readonly("start", &IovaRange::start)
        .def_readonly("length", &IovaRange::length);

    auto slice = grammar<BufferSlice>(m, "BufferSlice", "Bytes of a named buffer; without `span` all of it.");
    py::class_<BufferSlice::Span>(slice, "Span")
        .def_readonly("offset", &BufferSlice::Span::offset)
        .def_readonly("length", &BufferSlice::Span::length);
    slice.def_readonly("buffer", &BufferSlice::buffer).def_readonly("span", &BufferSlice::span);

    py::class_<Interval>(m, "Interval",
                         "It happened at some instant of [begin, end]; nanoseconds of the rig's clock.")
        .def_readonly("begin", &Interval::begin)
        .def_readonly("end", &Interval::end);
}

}  // namespace landfall::python
