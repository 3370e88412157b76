#include "sim/faults.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "landfall/error.hpp"

namespace landfall::sim {
namespace {

TEST(Faults, TheTableIsInTheOrderOfTheEnum) {
    ASSERT_EQ(fault_table().size(), kFaultCount);
    std::set<std::string_view> names;
    for (const auto& f : fault_table()) {
        EXPECT_EQ(&fault_table()[static_cast<std::size_t>(f.fault)], &f);
        EXPECT_EQ(fault_named(f.name), f.fault);
        EXPECT_TRUE(names.insert(f.name).second) << f.name;
        EXPECT_FALSE(f.text.empty() || f.rules.empty() || f.rig.empty()) << f.name;
        EXPECT_TRUE(f.text.ends_with('.')) << f.name;
    }
}

TEST(Faults, AnUnknownNameIsToldWhatComesClose) {
    try {
        static_cast<void>(fault_named("dma-list"));
        FAIL() << "it is known";
    } catch (const TextError& e) {
        EXPECT_THAT(e.what(), testing::HasSubstr("dma-list"));
        EXPECT_THAT(e.what(), testing::HasSubstr("dma-lost"));
    }
    EXPECT_THROW(static_cast<void>(fault_named("")), TextError);
    EXPECT_THROW(static_cast<void>(fault_named("unmap")), TextError);
}

TEST(Faults, ASetHoldsWhatWasAdded) {
    FaultSet set;
    EXPECT_TRUE(set.empty());
    set.add(Fault::dma_lost);
    for (const auto& f : fault_table()) EXPECT_EQ(set.has(f.fault), f.fault == Fault::dma_lost) << f.name;
}

}  // namespace
}  // namespace landfall::sim
