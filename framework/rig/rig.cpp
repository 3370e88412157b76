#include "rig/rig.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "landfall/error.hpp"
#include "rig/local_rig.hpp"
#include "rig/qemu_rig.hpp"
#include "rig/sim_rig.hpp"

namespace landfall {

std::vector<RigFunction> chosen_functions(const RigFile& file, const std::vector<std::string>& names) {
    if (names.empty()) return file.functions;
    std::vector<RigFunction> out;
    for (const std::string& name : names) {
        const auto found = std::find_if(file.functions.begin(), file.functions.end(),
                                        [&name](const RigFunction& f) { return f.name == name; });
        if (found == file.functions.end()) {
            throw LabError(fmt::format("rig {} has no device '{}'", file.name, name),
                           fmt::format("name one in {}, or take another rig: landfall rig list", file.path));
        }
        out.push_back(*found);
    }
    return out;
}

std::optional<Api> api_named(const std::string& word, const std::string& option) {
    const auto api = parse_api(word);
    if (!api && !word.empty()) throw TextError({option, 0, 0}, word, "iommufd, type1 or compat");
    return api;
}

std::string RigFunction::place() const { return vf ? fmt::format("{}/virtfn{}", bdf.str(), *vf) : bdf.str(); }

std::string device_argument(const RigFunction& f) {
    return fmt::format("{}={}{}", f.name, f.place(), f.scratch ? ",scratch" : "");
}

std::unique_ptr<Rig> start_rig(const RigFile& file, const RigOptions& options) {
    if (file.kind == RigFile::Kind::sim && options.api.value_or(Api::iommufd) != Api::iommufd)
        throw TextError({"--api", 0, 0}, std::string(api_str(*options.api)), fmt::format("iommufd: rig {} is simulated and has no containers", file.name));
    if (file.kind == RigFile::Kind::sim) return std::make_unique<SimRig>(file, options);
    if (!options.faults.empty())
        throw TextError({"--fault", 0, 0}, file.name, "a rig of kind sim: this one cannot be told to go wrong");
    if (file.kind == RigFile::Kind::local) return start_local_rig(file, options);
    return start_qemu_rig(file, options);
}

}  // namespace landfall
