#include "rig/deterministic_run.hpp"

#include "landfall/report.hpp"
#include "landfall/scenario.hpp"
#include "rig/complaint_test.hpp"
#include "rig/guest_test.hpp"

namespace landfall {
namespace {

using testing::HasSubstr;

TEST(DeterministicRun, AGuestIsToldWhatASessionWouldSend) {
    EXPECT_EQ(session_lines(Scenario::parse("# why\nbuffer p 4K\nioas one\nmap one 0x200000 p rw => ok\n"
                                            "lane 1: ioas two\nlane 2: ioas three\n# then\nsleep 1ms\n", "<test>")),
              "buffer p 4K\nioas one\nmap one 0x200000 p rw => ok\nlane 1: ioas two\nlane 2: ioas three\ngo\nsleep 1ms\nend\n");
}

TEST(DeterministicRun, RigsThatDoNotDoTheSameAgainAreRefused) {
    EXPECT_NO_THROW(expect_deterministic(load_rig("edu-pair-vtd")));
    const auto refusal = [](const std::string& rig) { return complaint<LabError>([&] { expect_deterministic(load_rig(rig)); }); };
    EXPECT_THAT(refusal("sim"), HasSubstr("rig sim has no deterministic mode"));
    EXPECT_THAT(refusal("nvme-pair-vtd"), HasSubstr("nvme"));
    EXPECT_THAT(refusal("igb-pair-vtd-smp"), HasSubstr("2 processors"));
}

using DeterministicRunTest = GuestTest;

TEST_F(DeterministicRunTest, TwoRunsGiveOneTraceTimesIncluded) {
    const auto scenario = Scenario::parse("buffer p 8K\nioas one\nmap one 0x200000 p rw => ok\nattach a one => ok\n"
                                          "dma a write 0x200000+64 => lands p\nsleep 50ms\n"
                                          "dma a write 0x300000+64 => nowhere\nunmap one 0x200000+8K => ok\n", "<test>");
    const auto run = [&scenario] { return deterministic_run(load_rig("edu-pair-vtd"), scenario, test_options(), {}); };
    const auto first = run();
    EXPECT_EQ(first.verdict.kind, Verdict::Kind::pass) << summary(first.verdict) << "\n" << first.trace.print();
    EXPECT_EQ(first.verdict.dmas, 2U);
    EXPECT_EQ(run().trace.print(), first.trace.print());
    EXPECT_THAT(machines_of(getpid()), testing::IsEmpty());
}

TEST_F(DeterministicRunTest, ADeviceTheRigDoesNotHaveMakesItUnmet) {
    const auto scenario = Scenario::parse("ioas one\nattach z one\n", "<test>");
    EXPECT_EQ(deterministic_run(load_rig("edu-pair-vtd"), scenario, test_options(), {}).verdict.kind, Verdict::Kind::unmet);
}

}  // namespace
}  // namespace landfall
