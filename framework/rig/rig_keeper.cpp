#include "rig/rig_keeper.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "landfall/error.hpp"

namespace landfall {

Rig& RigKeeper::get() {
    if (rig_) return *rig_;
    rig_ = start_rig(file_, options_);
    if (rig_->known_fit()) return *rig_;
    const auto problems = check_rig(*rig_);
    if (!problems.empty())
        throw LabError(fmt::format("rig {} is not fit: {}", file_.name, fmt::join(problems, "; ")),
                       "landfall rig check " + file_.name);
    return *rig_;
}

}  // namespace landfall
