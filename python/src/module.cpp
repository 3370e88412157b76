// landfall._core: the public headers, as Python sees them. A name must be bound before a signature mentions
// it.
#include "bind.hpp"

PYBIND11_MODULE(_core, m) {
    using namespace landfall::python;
    m.doc() = "Private: import landfall instead.";
    bind_errors(m);
    bind_words(m);
    bind_steps(m);
    bind_outcomes(m);
    bind_records(m);
    bind_texts(m);
    bind_checker(m);
    bind_rig(m);
    bind_generate(m);
    bind_player(m);
    bind_sim(m);
}
