// Verdicts.
#include "bind.hpp"
#include "landfall/checker.hpp"
#include "landfall/report.hpp"
#include "rig/known_file.hpp"

namespace landfall::python {
namespace {

Verdict check_trace(const Trace& trace, const std::string& model, const std::vector<Known>& known,
                    std::size_t max_violations) {
    return check(trace, {model, known, max_violations});
}

void bind_verdict(py::module_& m) {
    py::class_<Violation>(m, "Violation", "One broken promise.")
        .def_readonly("rule", &Violation::rule)
        .def_readonly("line", &Violation::line, "Trace line of the step or event that proves it.")
        .def_readonly("device", &Violation::device)
        .def_readonly("iova", &Violation::iova)
        .def_readonly("page", &Violation::page, "Memory that was touched, or should have been.")
        .def_readonly("access", &Violation::access)
        .def_readonly("summary", &Violation::summary)
        .def_readonly("promise", &Violation::promise)
        .def_readonly("source", &Violation::source, "Where the promise is written.")
        .def_readonly("known", &Violation::known, "Reference of a finding already understood.")
        .def_readonly("witness", &Violation::witness, "Trace lines that prove it.")
        .def_readonly("window", &Violation::window, "It happened at some instant of it.")
        .def_readonly("candidates", &Violation::candidates, "What would have been right, one line each.")
        .def_readonly("observed", &Violation::observed, "What was seen instead.");

    auto verdict = py::class_<Verdict>(m, "Verdict", "What a trace proves.");
    py::enum_<Verdict::Kind>(verdict, "Kind")
        .value("pass_", Verdict::Kind::pass)
        .value("violation", Verdict::Kind::violation)
        .value("inconclusive", Verdict::Kind::inconclusive)
        .value("unmet", Verdict::Kind::unmet);
    verdict.def_readonly("kind", &Verdict::kind)
        .def_readonly("reason", &Verdict::reason, "Of inconclusive and unmet.")
        .def_readonly("violations", &Verdict::violations, "Known ones too: a run with no others is a pass.")
        .def_readonly("dropped", &Verdict::dropped, "Further violations, counted and not kept.")
        .def_readonly("steps", &Verdict::steps)
        .def_readonly("dmas", &Verdict::dmas)
        .def_readonly("faults", &Verdict::faults)
        .def("__str__", [](const Verdict& v) { return verdict_str(v.kind); });
}

void bind_report(py::module_& m) {
    const ReportStyle plain;
    m.def(
        "explain",
        [](const Trace& trace, const Violation& violation, bool color, unsigned width) {
            return explain(trace, violation, {color, width});
        },
        py::arg("trace"), py::arg("violation"), py::arg("color") = plain.color,
        py::arg("width") = plain.width, Unlocked(), "One violation, told to a person.");
    m.def(
        "story",
        [](const Trace& trace, const Verdict& verdict, bool color, unsigned width) {
            return story(trace, verdict, {color, width});
        },
        py::arg("trace"), py::arg("verdict"), py::arg("color") = plain.color, py::arg("width") = plain.width,
        Unlocked(), "The whole run, told to a person.");
    m.def("summary", &summary, py::arg("verdict"), "A verdict in one line.");
}

}  // namespace

void bind_checker(py::module_& m) {
    bind_verdict(m);
    bind_report(m);
    py::class_<Known>(m, "Known", "A finding already understood.")
        .def_readonly("rules", &Known::rules)
        .def_readonly("reference", &Known::reference)
        .def_readonly("text", &Known::text);
    m.def("load_known", &load_known, Unlocked(), "Every finding that ships.");
    const CheckOptions plain;
    m.def("check", &check_trace, py::arg("trace"), py::arg("model") = plain.model,
          py::arg("known") = plain.known, py::arg("max_violations") = plain.max_violations, Unlocked(),
          "Judges a trace. Violations that a `known` finding covers are named so.");

    py::class_<RuleInfo>(m, "RuleInfo", "A rule of the checker.")
        .def_readonly("id", &RuleInfo::id)
        .def_readonly("promise", &RuleInfo::promise)
        .def_readonly("source", &RuleInfo::source);
    m.def("rules", &rules, "Every rule, with its promise and where that is written.");
}

}  // namespace landfall::python
