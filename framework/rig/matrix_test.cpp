#include "rig/matrix.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "landfall/error.hpp"

namespace landfall {
namespace {

Scenario scenario(const std::string& text) { return Scenario::parse(text, "test.scn"); }

TEST(Matrix, ASimulatedRigStandsInItOnceWhateverTheKernels) {
    const auto columns = matrix_columns({"sim", "edu-pair-vtd"}, {"6.12", "7.3"});
    std::vector<std::string> titles;
    for (const auto& c : columns) titles.push_back(c.title());
    EXPECT_THAT(titles, testing::ElementsAre("sim", "edu-pair-vtd, 6.12", "edu-pair-vtd, 7.3"));
}

TEST(Matrix, WithoutKernelsEachRigHasItsOwn) {
    const auto columns = matrix_columns({"edu-pair-vtd"}, {});
    ASSERT_EQ(columns.size(), 1U);
    EXPECT_EQ(columns[0].title(), "edu-pair-vtd");
    EXPECT_EQ(columns[0].rig.kernel, "6.12");
}

TEST(Matrix, ARigThereIsNotIsRefused) { EXPECT_THROW((void)matrix_columns({"no-such-rig"}, {}), TextError); }

TEST(Matrix, AsManyMachinesAsThereIsRoomFor) {
    const auto columns = matrix_columns({"edu-pair-vtd", "igb-pair-vtd"}, {"6.12", "7.3"});  // 512 MiB each
    EXPECT_EQ(machines_at_once(columns, 2, 64'000), 2U);
    EXPECT_EQ(machines_at_once(columns, 64, 64'000), 4U);
    EXPECT_EQ(machines_at_once(columns, 64, 3'100), 3U);
    EXPECT_EQ(machines_at_once(columns, 64, 100), 1U);
    EXPECT_EQ(machines_at_once(columns, 0, 64'000), 1U);
}

TEST(Matrix, EveryColumnRunsEveryScenarioAndTheirResultsStayApart) {
    const std::vector<Scenario> scenarios{
        scenario("ioas one\nbuffer p 4K\nmap one 0x200000 p rw\nattach a one\ndma a write 0x200000+4K => lands p\n"),
        scenario("require feature no-such-feature\n"),
        scenario("ioas one\nbuffer p 4K\nmap one 0x200000 p rw\nattach a one\ndma a write 0x200000+4K => nowhere\n"),
    };
    const auto columns = matrix_columns({"sim", "sim-bridge", "sim"}, {"6.12"});
    const auto results = run_matrix(scenarios, columns, {});
    ASSERT_EQ(results.size(), 3U);
    for (const auto& r : results) {
        EXPECT_EQ(r.trouble, "");
        ASSERT_EQ(r.cells.size(), 3U);
        EXPECT_EQ(r.cells[0].result.verdict.kind, Verdict::Kind::pass);
        EXPECT_EQ(r.cells[1].result.verdict.kind, Verdict::Kind::unmet);
        EXPECT_EQ(r.cells[2].result.verdict.kind, Verdict::Kind::violation);
    }
}

TEST(Matrix, OneMachinesTroubleIsNotAnothers) {
    auto columns = matrix_columns({"sim", "edu-pair-vtd"}, {"/nonexistent/bzImage"});
    const auto results = run_matrix({scenario("ioas one\n")}, columns, {});
    EXPECT_EQ(results[0].trouble, "");
    EXPECT_EQ(results[0].cells.size(), 1U);
    EXPECT_THAT(results[1].trouble, testing::HasSubstr("/nonexistent/bzImage"));
    EXPECT_TRUE(results[1].cells.empty());
}

}  // namespace
}  // namespace landfall
