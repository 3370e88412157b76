#include "landfall/runner.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <condition_variable>
#include <thread>
#include <mutex>

#include "landfall/fake_target_test.hpp"
#include "landfall/scenario.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RunnerTest : public testing::Test {
  protected:
    FakeTarget target_;
    std::vector<Line> events_;
    Runner runner_{target_, [this](const Line& line) { events_.push_back(line); }};

    void SetUp() override { (void)runner_.begin(); }

    /// Runs steps and returns the last one's outcome without its sequence number.
    std::string run(const std::string& text) {
        std::string last;
        for (const auto& line : Scenario::parse(text).lines) {
            if (line.step() == nullptr) continue;
            auto outcome = *runner_.step(line).observed;
            if (auto* l = std::get_if<Landing>(&outcome)) l->seq.reset();
            last = print(outcome);
        }
        return last;
    }
};

constexpr const char* kOneAttached =
    "buffer p1 8K\nbuffer p2 4K\nioas one\nmap one 0x200000 p1 rw\nattach a one\n";

std::string with(const std::string& step) { return std::string(kOneAttached) + step + "\n"; }

TEST_F(RunnerTest, HeadEndsWithTheStagingFact) {
    FakeTarget target;
    Runner runner(target, {});
    const auto head = runner.begin();
    EXPECT_EQ(print(head.back()), "staging 0x70000000+1M");
    EXPECT_EQ(print(head[1]), "device a 0000:00:08.0 0001:0002 group 5 engine fake");
}

TEST_F(RunnerTest, WriteIsFoundWhereItLanded) {
    EXPECT_EQ(run(with("dma a write 0x200010+64")), "done lands p1[0x10+64]");
}
TEST_F(RunnerTest, WriteOfAWholeBufferIsNamedByTheBuffer) {
    EXPECT_EQ(run(with("dma a write 0x200000+8K")), "done lands p1");
}
TEST_F(RunnerTest, BlockedWriteLandsNowhere) {
    EXPECT_EQ(run(with("dma a write 0x300000+64")), "done nowhere");
}
TEST_F(RunnerTest, TornWriteListsItsPieces) {
    EXPECT_EQ(run(with("dma a write 0x201800+4K")), "done lands p1[0x1800+2K] nowhere+2K");
}
TEST_F(RunnerTest, OneWriteIntoTwoBuffers) {
    EXPECT_EQ(run(with("map one 0x202000 p2 rw\ndma a write 0x201800+4K")),
              "done lands p1[0x1800+2K] p2[0x0+2K]");
}
TEST_F(RunnerTest, ReadSaysWhoseContentItGot) {
    EXPECT_EQ(run(with("dma a read 0x201000+256")), "done from p1[0x1000+256]");
}
TEST_F(RunnerTest, BlockedReadGetsNothing) {
    EXPECT_EQ(run(with("dma a read 0x300000+256")), "done nothing");
}
TEST_F(RunnerTest, CopyHasSourceAndDestinationEvenWithinOneBuffer) {
    EXPECT_EQ(run(with("dma a copy 0x200000+64 to 0x201040")), "done from p1[0x0+64] lands p1[0x1040+64]");
}
TEST_F(RunnerTest, TwoCopiesOfOneSourceAreToldApart) {
    EXPECT_EQ(run(with("map one 0x300000 p2 rw\ndma a copy 0x200000+64 to 0x300000\n"
                       "dma a copy 0x300000+64 to 0x200800")),
              "done from p2[0x0+64] lands p1[0x800+64]");
}
// Found by a random scenario on QEMU's edu: memory that happens to hold zeros is no landing of a copy.
TEST_F(RunnerTest, ACopyIsNotFoundInMemoryThatWasZeroBefore) {
    target_.reads_zeros = true;
    EXPECT_EQ(run(with("unmap one 0x70000000+1M\ndma a write 0x200000+64\ndma a copy 0x300000+64 to 0x400000")),
              "done nowhere");
}
TEST_F(RunnerTest, ACopyLeavesAnotherDevicesBytesAlone) {
    EXPECT_EQ(run(with("start b write 0x201000+64\ndma a copy 0x900000+64 to 0x902000\nwait b")),
              "done lands p1[0x1000+64]");
}
TEST_F(RunnerTest, DeviceThatStaysSilentIsATimeout) {
    target_.engine_dies = true;
    EXPECT_EQ(run(with("dma a write 0x200000+64")), "timeout nowhere");
}
TEST_F(RunnerTest, StartAndWaitAreOneDma) {
    EXPECT_EQ(run(with("start a write 0x200000+64\nwait a")), "done lands p1[0x0+64]");
}
// iommufd numbers address spaces and page tables together: the fake's first is 1.
TEST_F(RunnerTest, AnAttachTellsWhatItWasAnsweredWhereThatIsNotItsPageTable) {
    const auto answered = [this](std::uint32_t number, const char* text) {
        target_.names_table = {number};
        return run(text);
    };
    EXPECT_EQ(answered(77, "ioas one\nattach a one"), "ok") << "of an address space it may be any";
    EXPECT_EQ(answered(2, "ioas two\nattach a two"), "ok 0x2") << "but the address space is none";
}
TEST_F(RunnerTest, ViewNamesTheAddressSpace) {
    EXPECT_EQ(run(with("ioas two\nview b")), "sees one");
    EXPECT_EQ(run("ioas three\nattach a three\nview b"), "sees three");
    target_.blocked = true;
    EXPECT_EQ(run("view b"), "sees nothing");
}
TEST_F(RunnerTest, RequireNamesWhatIsMissing) {
    EXPECT_EQ(run("require same-group a b"), "ok");
    EXPECT_THAT(run("require different-groups a b"), HasSubstr("unmet \"a is in iommu_group 5, b in 5\""));
    EXPECT_EQ(run("require feature good-humour"), "ok");
    EXPECT_THAT(run("require feature patience"), HasSubstr("lacks patience"));
    EXPECT_THAT(run("require engine a edu"), HasSubstr("driven by engine fake"));
}
TEST_F(RunnerTest, DmaBeyondTheEngineIsUnmetNotAFailure) {
    EXPECT_THAT(run(with("dma a write 0x200000+32K")), HasSubstr("unmet \"a's engine copies 8 to 16384 bytes"));
}
TEST_F(RunnerTest, LengthsTheEngineHasToAskItsDeviceAboutAreRefusedAtOnce) {
    target_.granule = 512;
    EXPECT_EQ(run(with("dma a write 0x200000+512")), "done lands p1[0x0+512]");
    EXPECT_EQ(run("dma b write 0x200000+64"), "unmet \"b's engine copies multiples of 512 bytes, not 64\"");
}
TEST_F(RunnerTest, ADmaBeginsBeforeItsDeviceIsBroughtUpWhichIsDoneOnce) {
    run(kOneAttached);
    const auto line = runner_.step(parse_line("dma a write 0x200000+64", "t", 1));
    ASSERT_EQ(target_.resets.size(), 1U);
    EXPECT_LT(line.when->begin, target_.resets[0]);
    run("dma a write 0x200000+64");
    EXPECT_EQ(target_.resets.size(), 1U);
}
TEST_F(RunnerTest, ADeviceThatMustNotBeUsedEndsTheRunFromAPumpToo) {
    run(with("dma a write 0x200000+64"));
    target_.engine_dies = target_.forbidden = true;
    (void)runner_.step(parse_line("pump a write 0x200000+64", "t", 1));
    while (!target_.refused) std::this_thread::yield();
    EXPECT_THROW((void)runner_.step(parse_line("halt a", "t", 1)), LabError);
    EXPECT_THROW(run("dma b write 0x200000+64"), LabError);
}
TEST_F(RunnerTest, StepOnAnObjectThatWasNeverMadeIsBroken) {
    EXPECT_EQ(run("ioas one\nhwpt h one a"), "EOPNOTSUPP");
    EXPECT_THAT(run("ioas two\nhwpt h2 two a\nattach a h2"), HasSubstr("broken \"h2 was never made"));
}
// Found by a guest with too little memory: the map behind the buffer that failed brought the runner down.
TEST_F(RunnerTest, MapOfABufferThatCouldNotBeMadeIsBroken) {
    const auto last = run("ioas one\nbuffer p 512M huge\nmap one 0x200000 p rw");
    if (last == "ok") GTEST_SKIP() << "this machine has huge pages to spare";
    EXPECT_THAT(last, HasSubstr("broken \"p was never made"));
}
TEST_F(RunnerTest, PumpReportsEveryDmaAndHaltCountsThem) {
    run(kOneAttached);
    (void)runner_.step(parse_line("pump a write 0x200000+64", "t", 1));
    const auto halted = runner_.step(parse_line("halt a", "t", 1));
    const auto count = *std::get<Answer>(*halted.observed).value;
    std::uint64_t told = 0;
    for (const auto& e : events_) {
        EXPECT_THAT(print(e), HasSubstr("lands p1[0x0+64]"));
        told += std::get<DmaEvent>(*e.event()).times;
    }
    EXPECT_EQ(told, count);
}
TEST_F(RunnerTest, APumpWalksThroughItsRangeAndBeginsAnew) {
    run("buffer p1 16K\nioas one\nmap one 0x200000 p1 rw\nattach a one");
    (void)runner_.step(parse_line("pump a write 0x200000+3K by 1K every 1us", "t", 1));
    while (target_.copies < 5) std::this_thread::yield();
    (void)runner_.step(parse_line("halt a", "t", 1));
    ASSERT_GE(events_.size(), 5U);
    for (std::size_t i = 0; i < events_.size(); ++i) {
        const auto at = i % 3 * 1024;
        EXPECT_THAT(print(events_[i]), HasSubstr(fmt::format("dma a write {:#x}+1K => done", 0x200000 + at)));
        EXPECT_THAT(print(events_[i]), HasSubstr(fmt::format("lands p1[{:#x}+1K]", at)));
    }
}
// As many at a time as it is told and the engine can do; their ends come in the order of their starts.
TEST_F(RunnerTest, APumpKeepsSeveralUnderWay) {
    for (const auto& [can, most] : {std::pair{1U, 1U}, {3U, 3U}, {8U, 8U}}) {
        SCOPED_TRACE(can);
        FakeTarget target;
        target.in_flight = can;
        std::vector<Line> events;
        Runner runner(target, [&](const Line& line) { events.push_back(line); });
        (void)runner.begin();
        for (const auto& line : Scenario::parse("buffer p 16K\nioas one\nmap one 0x200000 p rw\nattach a one\n").lines)
            (void)runner.step(line);
        (void)runner.step(parse_line("pump a write 0x200000+16K by 2K deep 8 every 1us", "t", 1));
        while (target.copies < 20) std::this_thread::yield();
        const auto halted = runner.step(parse_line("halt a", "t", 1));
        EXPECT_EQ(std::get<Answer>(*halted.observed).value, target.copies.load());
        EXPECT_EQ(events.size(), target.copies);
        EXPECT_EQ(target.most_flying, most);
        for (std::size_t i = 0; i < events.size(); ++i) {
            EXPECT_THAT(print(events[i]), HasSubstr(fmt::format("done seq {} lands p[{:#x}+2K]", i + 3, i % 8 * 2048)));
            if (i > 0) {
                EXPECT_GT(events[i].when->begin, events[i - 1].when->begin);
                EXPECT_GT(events[i].when->end, events[i - 1].when->end);
            }
        }
    }
}
class DeepPump : public RunnerTest {
  protected:
    void pump_four_until_the_sixth_fails() {
        target_.in_flight = 4;
        target_.fails = 6;
        run("buffer p1 16K\nioas one\nmap one 0x200000 p1 rw\nattach a one");
        (void)runner_.step(parse_line("pump a write 0x200000+16K by 4K deep 4 every 1us", "t", 1));
        while (target_.copies < 20) std::this_thread::yield();
        (void)runner_.step(parse_line("halt a", "t", 1));
        EXPECT_EQ(target_.resets.size(), 2U);
        ASSERT_GE(events_.size(), 20U);
    }
};
// One that fails takes the others along: the device is reset once all of them were heard of, and no later than that.
TEST_F(DeepPump, ResetsItsDeviceOnce) {
    ASSERT_NO_FATAL_FAILURE(pump_four_until_the_sixth_fails());
    for (std::size_t i = 0; i < events_.size(); ++i)
        EXPECT_THAT(print(events_[i]), HasSubstr(i == 5 ? "=> error seq" : "=> done seq"));
}
// Found by a soak: an NVMe controller that had failed was given more to do before anybody saw it, and nothing explained why that
// failed, too.
TEST_F(DeepPump, WhatWasStartedOnAFailedDeviceMayHaveFailedWithTheFirst) {
    target_.stays_failed = true;
    ASSERT_NO_FATAL_FAILURE(pump_four_until_the_sixth_fails());
    for (std::size_t i = 0; i < events_.size(); ++i) {
        const bool failed = i >= 5 && i < 9;
        EXPECT_THAT(print(events_[i]), HasSubstr(failed ? "=> error seq" : "=> done seq"));
        const auto begin = events_[i].when->begin;
        if (failed) {
            EXPECT_EQ(begin, events_[5].when->begin);
        } else if (i > 0) {
            EXPECT_GT(begin, events_[i - 1].when->begin);
        }
    }
}
TEST_F(RunnerTest, APumpCanTakeItsTime) {
    std::atomic<int> naps{0};
    target_.on_sleep = [&] { ++naps; };
    run(kOneAttached);
    (void)runner_.step(parse_line("pump a write 0x200000+64 every 1us", "t", 1));
    while (target_.copies < 3) std::this_thread::yield();
    (void)runner_.step(parse_line("halt a", "t", 1));
    EXPECT_GT(naps, 0);
    for (std::size_t i = 1; i < events_.size(); ++i)
        EXPECT_GE(events_[i].when->begin.value, events_[i - 1].when->begin.value + 1000);
}
TEST(RunnerBarePumps, OnlyCount) {
    FakeTarget target;
    std::vector<Line> events;
    Runner runner(target, [&](const Line& line) { events.push_back(line); }, nullptr, Runner::Pumps::bare);
    (void)runner.begin();
    for (const auto& line : Scenario::parse(kOneAttached).lines) (void)runner.step(line);
    for (const auto* pump : {"pump a write 0x200000+64", "pump a write 0x200000+4K by 1K deep 4"}) {
        target.copies = 0;
        (void)runner.step(parse_line(pump, "t", 1));
        while (target.copies < 9) std::this_thread::yield();
        const auto halted = runner.step(parse_line("halt a", "t", 1));
        EXPECT_EQ(std::get<Answer>(*halted.observed).value, target.copies.load());
        EXPECT_EQ(target.resets.size(), 1U);
    }
    EXPECT_THAT(events, IsEmpty());
}
TEST_F(RunnerTest, BytesNobodyWroteAreReportedAtTheEnd) {
    run(with("dma a write 0x200000+64"));
    std::memset(target_.translate(Iova{0x200800}), 0x55, 16);
    const auto tail = runner_.finish();
    ASSERT_EQ(tail.size(), 2U);
    EXPECT_THAT(print(tail[0]), HasSubstr("! stray p1[0x800+16]"));
    EXPECT_EQ(print(tail[1]), "end 6");
}
TEST_F(RunnerTest, EventsComeBeforeTheStepTheyWereSeenAt) {
    target_.to_report.emplace_back(KernelEvent{"WARNING: at x"});
    run("ioas one");
    ASSERT_EQ(events_.size(), 1U);
    EXPECT_THAT(print(events_[0]), HasSubstr("! kernel \"WARNING: at x\""));
}
class RunnerLanes : public RunnerTest {
  protected:
    bool run_block(const std::string& text) {
        std::vector<Line> block;
        for (auto& line : Scenario::parse(text).lines) block.push_back(std::move(line));
        return runner_.block(std::move(block));
    }
    /// Steps that ended, in that order.
    std::vector<std::string> ended() const {
        std::vector<std::string> out;
        for (const auto& line : events_)
            if (line.step() != nullptr) out.push_back(print(*line.step()));
        return out;
    }
};

// Each waits in the middle of its step until the other is there, too.
TEST_F(RunnerLanes, RunSideBySide) {
    std::mutex mutex;
    std::condition_variable both;
    int there = 0;
    bool met = false;
    target_.on_sleep = [&] {
        std::unique_lock lock(mutex);
        ++there;
        both.notify_all();
        met = both.wait_for(lock, std::chrono::seconds(20), [&] { return there == 2; });
    };
    EXPECT_TRUE(run_block("lane 1: sleep 1ns\nlane 2: sleep 2ns\n"));
    EXPECT_TRUE(met);
    ASSERT_EQ(ended().size(), 2U);
    EXPECT_TRUE(events_[0].when->overlaps(*events_[1].when));
    EXPECT_LT(events_[0].when->end, events_[1].when->end);
}
TEST_F(RunnerLanes, EachTakesItsStepsInOrderAndAllAreSeen) {
    EXPECT_TRUE(run_block("lane 1: ioas one\nlane 2: ioas two\nlane 1: ioas three\nlane 1: buffer p 4K\n"));
    const auto all = ended();
    EXPECT_THAT(all, testing::UnorderedElementsAre("ioas one", "ioas two", "ioas three", "buffer p 4K"));
    const auto at = [&](const char* step) { return std::ranges::find(all, step) - all.begin(); };
    EXPECT_LT(at("ioas one"), at("ioas three"));
    EXPECT_LT(at("ioas three"), at("buffer p 4K"));
    EXPECT_EQ(print(runner_.finish().back()), "end 4");
}
TEST_F(RunnerLanes, WhatTheRigCannotDoEndsNoOtherLane) {
    run(kOneAttached);
    EXPECT_FALSE(run_block("lane 1: dma a write 0x200000+32K\nlane 2: ioas two\nlane 2: ioas three\n"));
    EXPECT_EQ(ended().size(), 3U);
}
TEST_F(RunnerTest, StepKeepsItsExpectationAndGainsTimes) {
    const auto line = runner_.step(parse_line("ioas one => EINVAL", "t", 1));
    EXPECT_THAT(print(line), testing::MatchesRegex("@[0-9]+ @[0-9]+ ioas one => EINVAL => ok"));
}

}  // namespace
}  // namespace landfall
