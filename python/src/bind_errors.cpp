// The library's exceptions become those of landfall/errors.py, facts in attributes.
#include "bind.hpp"
#include "landfall/error.hpp"
#include "rig/rig.hpp"

namespace landfall::python {
namespace {

template <class... Args>
void raise(const char* type, const Args&... args) {
    const auto cls = py::module_::import("landfall.errors").attr(type);
    PyErr_SetObject(cls.ptr(), cls(args...).ptr());
}

void translate(std::exception_ptr p) {
    try {
        if (p) std::rethrow_exception(p);
    } catch (const TextError& e) {
        raise("TextError", e.what(), e.where().file, e.where().line, e.where().column, e.found(),
              e.expected());
    } catch (const LabError& e) {
        raise("LabError", e.what(), e.hint());
    } catch (const RigDied& e) {
        raise("RigDied", e.what(), e.kernel_died(), e.console());
    }
}

}  // namespace

void bind_errors(py::module_&) { py::register_local_exception_translator(&translate); }

}  // namespace landfall::python
