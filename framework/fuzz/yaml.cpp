#include <sstream>

#include "fuzz/property.hpp"
#include "rig/kernel_definition.hpp"
#include "rig/known_file.hpp"
#include "rig/sim_rig.hpp"

namespace landfall::fuzz {
namespace {

template <class Read>
auto read_or_refuse(std::string_view text, Read read) {
    std::istringstream in{std::string(text)};
    std::optional<decltype(read(in, "fuzz.yaml"))> out;
    try {
        out = read(in, "fuzz.yaml");
    } catch (const TextError&) {
    }
    return out;
}

}  // namespace

void yaml_holds(std::string_view text) {
    static_cast<void>(read_or_refuse(text, read_known));
    static_cast<void>(read_or_refuse(text, read_kernel_definition));
    const auto rig = read_or_refuse(text, read_rig);
    if (!rig || rig->kind != RigFile::Kind::sim) return;
    SimRig machine(*rig, {});
    const auto session = machine.session({});
    reads_back(session->head());
    session->finish({});
}

}  // namespace landfall::fuzz
