#include "rig/rig_keeper.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "landfall/error.hpp"

namespace landfall {

// One that is not fit is not kept, or it would be handed out to who asks again.
Rig& RigKeeper::get() {
    if (rig_) return *rig_;
    auto rig = start_rig(file_, options_);
    const auto problems = rig->known_fit() ? std::vector<std::string>() : check_rig(*rig);
    if (!problems.empty())
        throw LabError(fmt::format("rig {} is not fit: {}", file_.name, fmt::join(problems, "; ")),
                       "landfall rig check " + file_.name);
    rig_ = std::move(rig);
    return *rig_;
}

}  // namespace landfall
