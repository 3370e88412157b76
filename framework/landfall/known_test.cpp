#include "landfall/known.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "landfall/checker.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Known finding(const char* reference) { return {{"landing"}, {}, {}, {}, false, reference, "text"}; }

Scene rig() {
    Scene scene;
    for (const auto* fact :
         {"kernel \"7.3.4\"", "iommu \"vtd\"", "device a 0000:00:08.0 1234:11e8 group 2 engine edu"})
        scene.learn(*parse_line(fact, "<text>", 1).fact());
    return scene;
}

std::vector<std::string> references(const std::vector<const Known*>& known) {
    std::vector<std::string> out;
    for (const auto* k : known) out.push_back(k->reference);
    return out;
}

TEST(Unseen, FindingsOfThisRigThatNoScenarioMet) {
    const std::vector known{finding("K1"), finding("K2")};
    const std::vector scenes{rig(), rig()};
    std::vector<Verdict> verdicts(2);
    EXPECT_THAT(references(unseen(known, scenes, verdicts)), ElementsAre("K1", "K2"));
    verdicts[1].violations.resize(1);
    verdicts[1].violations[0].known = "K1";
    EXPECT_THAT(references(unseen(known, scenes, verdicts)), ElementsAre("K2"));
}

TEST(Unseen, WhatIsNotOfThisRigIsNotMissed) {
    const std::vector scenes{rig()};
    const auto missed = [&](const auto& change) {
        std::vector known{finding("K1")};
        change(known[0]);
        return references(unseen(known, scenes, {}));
    };
    EXPECT_THAT(missed([](Known& k) { k.since = KernelRelease{7, 3}; }), ElementsAre("K1"));
    EXPECT_THAT(missed([](Known& k) { k.since = KernelRelease{7, 4}; }), IsEmpty());
    EXPECT_THAT(missed([](Known& k) { k.until = KernelRelease{7, 2}; }), IsEmpty());
    EXPECT_THAT(missed([](Known& k) { k.iommus = {"smmuv3"}; }), IsEmpty());
    EXPECT_THAT(missed([](Known& k) { k.needs_alias = true; }), IsEmpty());
}

}  // namespace
}  // namespace landfall
