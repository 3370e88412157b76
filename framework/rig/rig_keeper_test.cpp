#include "rig/rig_keeper.hpp"

#include <gtest/gtest.h>

#include "landfall/error.hpp"

namespace landfall {
namespace {

TEST(RigKeeper, StartsOneMachineForAll) {
    RigKeeper keeper(load_rig("sim"), {});
    auto& first = keeper.get();
    EXPECT_EQ(&keeper.get(), &first);
}

TEST(RigKeeper, HandsOutNoneThatIsNotFitHoweverOftenItIsAsked) {
    RigOptions options;
    options.faults = {"map-loses-read", "fault-not-reported"};  // as if the IOMMU were not there
    RigKeeper keeper(load_rig("sim"), options);
    for (int n = 0; n < 2; ++n) {
        try {
            (void)keeper.get();
            ADD_FAILURE();
        } catch (const LabError& e) {
            EXPECT_NE(std::string(e.what()).find("rig sim is not fit: a (0000:00:08.0) is not translated"), std::string::npos)
                << e.what();
        }
    }
}

}  // namespace
}  // namespace landfall
