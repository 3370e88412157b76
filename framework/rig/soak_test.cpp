#include "rig/soak.hpp"

#include <gtest/gtest.h>

#include "landfall/error.hpp"

namespace landfall {
namespace {

SoakOptions rounds(std::uint64_t steps) {
    SoakOptions o;
    o.time = std::chrono::hours(1);
    o.round = std::chrono::hours(1);
    o.steps = steps;
    return o;
}

// Takes so many rounds and then no more.
struct Enough : std::exception {};

SoakReport some(const std::string& rig, const std::vector<std::string>& faults, SoakOptions options, unsigned most,
                unsigned* started = nullptr) {
    RigOptions boot;
    boot.faults = faults;
    RigKeeper keeper(load_rig(rig), boot, [&](const RigFile& file, const RigOptions& o) {
        if (started != nullptr) ++*started;
        return start_rig(file, o);
    });
    SoakReport seen;
    options.on_round = [&](std::uint64_t, const RunResult& round) {
        seen.dmas += round.verdict.dmas;
        if (round.verdict.kind == Verdict::Kind::violation) ++seen.violating;
        if (++seen.rounds == most) throw Enough();
    };
    try {
        return soak(keeper, options);
    } catch (const Enough&) {
        return seen;
    }
}

TEST(Soak, IsQuietWhereNothingIsWrong) {
    for (const auto* rig : {"sim", "sim-bridge"}) {
        const auto report = some(rig, {}, rounds(400), 20);
        EXPECT_EQ(report.violating, 0U) << rig;
        EXPECT_GT(report.dmas, 1000U) << rig;
    }
}

TEST(Soak, FindsAStaleTranslationAndStopsAtIt) {
    const auto report = some("sim", {"unmap-without-flush"}, rounds(400), 50);
    EXPECT_EQ(report.violating, 1U);
    EXPECT_FALSE(report.by_rule.empty());
    EXPECT_EQ(report.exit_status(), ExitStatus::violation);
}

// What takes more than maps and replaces.
TEST(Soak, FindsWhatIsWrongWithCopiesRefusalsAndPageTables) {
    for (const auto* fault : {"copy-from-start", "copy-keeps-permission", "replace-fails-halfway", "destroy-while-attached", "destroy-stays-busy",
                              "destroy-ioas-in-use", "map-over-existing", "unmap-cuts-mapping",
                              "detach-blocks-siblings", "detach-empties-domain"}) {
        SCOPED_TRACE(fault);
        EXPECT_EQ(some("sim", {fault}, rounds(400), 50).violating, 1U);
    }
}

TEST(Soak, GoesOnIfItIsTold) {
    auto options = rounds(400);
    options.keep_going = true;
    EXPECT_GT(some("sim", {"unmap-without-flush"}, options, 20).violating, 10U);
}

// A stale translation, say, stays in a machine and breaks every round that follows.
TEST(Soak, GoesOnOnAnotherMachineBehindAViolationAndOnlyThere) {
    auto options = rounds(400);
    options.keep_going = true;
    unsigned started = 0;
    const auto seen = some("sim", {"unmap-without-flush"}, options, 20, &started);
    EXPECT_GE(started, seen.violating) << "the last round's machine is followed by none";
    EXPECT_LE(started, seen.violating + 1);
    started = 0;
    EXPECT_EQ(some("sim", {}, options, 5, &started).violating, 0U);
    EXPECT_EQ(started, 1U);
}

TEST(Soak, CountsTheRoundsThatMetAFindingAlreadyUnderstood) {
    RigOptions boot;
    boot.faults = {"unmap-without-flush"};
    RigKeeper keeper(load_rig("sim"), boot);
    auto options = rounds(400);
    options.time = std::chrono::milliseconds(300);
    options.check.known = {{{"landing"}, {}, {}, {}, false, "K1", "text"}};
    options.keep_going = true;
    const auto report = soak(keeper, options);
    ASSERT_TRUE(report.known.contains("K1"));
    EXPECT_GT(report.known.at("K1"), report.rounds / 2);
    EXPECT_LE(report.known.at("K1"), report.rounds);
}

TEST(Soak, SaysWhatTheRigCannotDo) {
    SoakReport report;
    report.unmet = true;
    EXPECT_EQ(report.exit_status(), ExitStatus::unmet);
}

}  // namespace
}  // namespace landfall
