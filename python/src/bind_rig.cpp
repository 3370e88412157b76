// Rigs, and what runs on them.
#include <pybind11/functional.h>

#include "bind.hpp"
#include "rig/known_file.hpp"
#include "rig/live_run.hpp"
#include "rig/rig.hpp"
#include "rig/scenario_run.hpp"

namespace landfall::python {
namespace {

using Log = std::function<void(const std::string&)>;

/// As `landfall run` judges.
RunOptions run_options(const std::string& model) {
    RunOptions options;
    options.check.model = model;
    options.check.known = load_known();
    return options;
}

/// A machine as Python holds it: given up by close(), since nobody knows when the garbage collector comes.
class RigHandle {
  public:
    RigHandle(const std::string& name_or_path, const std::string& kernel, const std::string& kernel_args,
              std::uint64_t seed, const std::vector<std::string>& faults, bool boot, const std::string& api,
              const std::optional<Log>& log) {
        options_.seed = seed;
        options_.faults = faults;
        options_.kernel = kernel;
        options_.kernel_args = kernel_args;
        options_.boot = boot;
        options_.api = api_named(api, "api");
        options_.log = log.value_or(Log{});
        rig_ = start_rig(load_rig(name_or_path), options_);
    }
    void renew() {
        const auto file = idle_rig().file();
        close();
        rig_ = start_rig(file, options_);
    }
    [[nodiscard]] Rig& rig() const {
        if (!rig_) throw LabError("the rig is closed");
        return *rig_;
    }
    [[nodiscard]] Rig& idle_rig() const {
        if (live_) throw LabError("a live session is open on this rig", "finish it first");
        return rig();
    }
    [[nodiscard]] LiveRun& live() const {
        if (!live_) throw LabError("no live session is open on this rig");
        return *live_;
    }
    void open_session(const std::vector<std::string>& devices) {
        live_ = std::make_unique<LiveRun>(idle_rig(), devices, run_options(CheckOptions{}.model));
    }
    RunResult close_session() {
        auto result = live().finish();
        live_.reset();
        return result;
    }
    void close() {
        live_.reset();
        rig_.reset();
    }

  private:
    RigOptions options_;
    std::unique_ptr<Rig> rig_;
    std::unique_ptr<LiveRun> live_;  ///< ends before its rig
};

RunResult run(const RigHandle& handle, const Scenario& scenario, const std::string& model) {
    return run_scenario(handle.idle_rig(), scenario, run_options(model));
}

void bind_files(py::module_& m) {
    py::class_<RigFunction>(m, "RigFunction", "A function the lab may touch.")
        .def_readonly("name", &RigFunction::name)
        .def_readonly("bdf", &RigFunction::bdf)
        .def_readonly("engine", &RigFunction::engine);
    auto file = py::class_<RigFile>(m, "RigFile", "What a rig file says.");
    py::enum_<RigFile::Kind>(file, "Kind")
        .value("qemu", RigFile::Kind::qemu)
        .value("local", RigFile::Kind::local)
        .value("sim", RigFile::Kind::sim);
    file.def_readonly("kind", &RigFile::kind)
        .def_readonly("path", &RigFile::path)
        .def_readonly("name", &RigFile::name)
        .def_readonly("title", &RigFile::title)
        .def_readonly("kernel", &RigFile::kernel)
        .def_readonly("iommu", &RigFile::iommu)
        .def_readonly("functions", &RigFile::functions)
        .def_readonly("groups", &RigFile::groups);
    m.def("load_rig", &load_rig, py::arg("name_or_path"), Unlocked(), "Reads a rig file; touches nothing.");
    m.def("list_rigs", &list_rigs, Unlocked(), "Every rig file that ships.");
}

}  // namespace

void bind_rig(py::module_& m) {
    bind_files(m);
    py::class_<RunResult>(m, "RunResult", "What a run left behind.")
        .def_readonly("trace", &RunResult::trace)
        .def_readonly("verdict", &RunResult::verdict)
        .def_readonly("console", &RunResult::console)
        .def_readonly("rig_lost", &RunResult::rig_lost, "The rig died under it.");

    py::class_<RigHandle>(m, "_RigHandle", "A running machine.")
        .def(
            py::init<const std::string&, const std::string&, const std::string&, std::uint64_t,
                     const std::vector<std::string>&, bool, const std::string&, const std::optional<Log>&>(),
            py::arg("name_or_path"), py::arg("kernel") = "", py::arg("kernel_args") = "",
            py::arg("seed") = RigOptions{}.seed, py::arg("faults") = RigOptions{}.faults,
            py::arg("boot") = RigOptions{}.boot, py::arg("api") = "", py::arg("log") = py::none(), Unlocked())
        .def_property_readonly("file", [](const RigHandle& h) { return h.rig().file(); })
        .def(
            "console", [](const RigHandle& h) { return h.rig().console(); }, Unlocked(),
            "What the console said.")
        .def(
            "check", [](const RigHandle& h) { return check_rig(h.idle_rig()); }, Unlocked(),
            "One line a problem; empty if its verdicts can be trusted.")
        .def_property_readonly("known_fit", [](const RigHandle& h) { return h.rig().known_fit(); },
                               "A machine in exactly the state in which this one started passed check() before.")
        .def("run", &run, py::arg("scenario"), py::arg("model") = CheckOptions{}.model, Unlocked(),
             "Runs a scenario and judges it.")
        .def("open_session", &RigHandle::open_session, py::arg("devices"), Unlocked(),
             "What Session begins with.")
        .def(
            "run_step", [](const RigHandle& h, const std::string& text) { return h.live().step(text); },
            py::arg("text"), Unlocked(), "One step of the open session.")
        .def("close_session", &RigHandle::close_session, Unlocked(), "Ends the open session and judges it.")
        .def("renew", &RigHandle::renew, Unlocked(),
             "Leaves the machine for another one like it, not checked. Raises LabError if it does not start; the rig is closed then.")
        .def("close", &RigHandle::close, Unlocked(), "Takes the machine down.");
}

}  // namespace landfall::python
