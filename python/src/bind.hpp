// What every bind_*.cpp shares. Bindings only name things: whatever decides something is C++ behind a public
// header, or Python in front of this module.
#pragma once

#include <pybind11/operators.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>

#include "landfall/types.hpp"

namespace pybind11::detail {

// The strong types of one word become what a Python programmer would have used: int or str. One way only,
// since Python hands text to the library and never these.
template <class T>
struct IntCaster {
    static constexpr auto name = const_name("int");
    static handle cast(const T& v, return_value_policy, handle) { return pybind11::int_(v.value).release(); }
};
template <class T>
struct StrCaster {
    static constexpr auto name = const_name("str");
    static handle cast(const T& v, return_value_policy, handle) { return pybind11::str(v.str()).release(); }
};
template <>
struct type_caster<landfall::Iova> : IntCaster<landfall::Iova> {};
template <>
struct type_caster<landfall::Nanoseconds> : IntCaster<landfall::Nanoseconds> {};
template <>
struct type_caster<landfall::Errno> : IntCaster<landfall::Errno> {};
template <>
struct type_caster<landfall::Bdf> : StrCaster<landfall::Bdf> {};
template <>
struct type_caster<landfall::Access> : StrCaster<landfall::Access> {};

}  // namespace pybind11::detail

namespace landfall::python {

namespace py = pybind11;

/// For whatever may take long: other Python threads run meanwhile.
using Unlocked = py::call_guard<py::gil_scoped_release>;

/// A value of the grammar: compared by value, shown as its own text.
template <class T>
py::class_<T> grammar(py::module_& m, const char* name, const char* doc) {
    return py::class_<T>(m, name, doc)
        .def(py::self == py::self)
        .def("__str__", [](const T& v) { return print(v); })
        .def("__repr__",
             [name = std::string(name)](const T& v) { return "<" + name + " '" + print(v) + "'>"; });
}

void bind_errors(py::module_& m);
void bind_words(py::module_& m);
void bind_steps(py::module_& m);
void bind_outcomes(py::module_& m);
void bind_records(py::module_& m);
void bind_texts(py::module_& m);
void bind_checker(py::module_& m);
void bind_rig(py::module_& m);
void bind_generate(py::module_& m);
void bind_player(py::module_& m);
void bind_sim(py::module_& m);

}  // namespace landfall::python
