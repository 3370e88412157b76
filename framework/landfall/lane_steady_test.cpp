// Pumps on a target whose DMA is a copy, while nothing changes and while something does.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "landfall/fake_target_test.hpp"
#include "landfall/runner.hpp"
#include "landfall/scenario.hpp"

namespace landfall {
namespace {

using testing::HasSubstr;

class SteadyPump : public testing::Test {
  protected:
    static constexpr std::uint64_t kMany = 2000;
    FakeTarget target_;
    std::vector<Line> events_;
    Runner runner_{target_, [this](const Line& line) { events_.push_back(line); }};

    void SetUp() override {
        (void)runner_.begin();
        for (const auto* step : {"buffer p 64K", "ioas one", "map one 0x200000 p rw", "attach a one", "attach b one"}) (void)run(step);
        target_.copies = 0;
    }
    Line run(const std::string& step) { return runner_.step(parse_line(step, "t", 1)); }
    void await(std::uint64_t copies) const {
        while (target_.copies < copies) std::this_thread::yield();
    }
    // Returns how many DMAs there were by the count of `halt`, which is that of the engine.
    std::uint64_t pump(const std::string& what, std::uint64_t copies = kMany) {
        (void)run("pump " + what);
        await(copies);
        const auto halted = run("halt a");
        const auto count = *std::get<Answer>(*halted.observed).value;
        EXPECT_EQ(count, target_.copies);
        EXPECT_EQ(told(), count);
        return count;
    }
    [[nodiscard]] std::uint64_t told() const {
        std::uint64_t sum = 0;
        for (const auto& e : events_)
            if (const auto* dma = std::get_if<DmaEvent>(e.event())) sum += dma->times;
        return sum;
    }
    /// Those that are not like the others, without times and sequence numbers.
    [[nodiscard]] std::vector<std::string> unlike(const std::string& usual) const {
        std::vector<std::string> out;
        for (auto e : events_) {
            auto& landing = std::get<Landing>(*e.observed);
            landing.seq.reset();
            if (print(*e.observed) == usual) continue;
            EXPECT_EQ(std::get<DmaEvent>(*e.event()).times, 1U);
            out.push_back(print(*e.observed));
        }
        return out;
    }
};

TEST_F(SteadyPump, IsToldInFewLines) {
    pump("a write 0x200000+1K");
    EXPECT_LT(events_.size(), kMany / 10);
    EXPECT_THAT(unlike("done lands p[0x0+1K]"), testing::IsEmpty());
    for (std::size_t i = 1; i < events_.size(); ++i) EXPECT_GE(events_[i].when->begin, events_[i - 1].when->end);
    EXPECT_EQ(runner_.finish().size(), 1U) << "no byte is left over";
}

TEST_F(SteadyPump, MayRead) {
    pump("a read 0x201000+1K");
    EXPECT_LT(events_.size(), kMany / 10);
    EXPECT_THAT(unlike("done from p[0x1000+1K]"), testing::IsEmpty());
    events_.clear();
    target_.copies = 0;
    target_.skips = kMany / 2;
    pump("a read 0x201000+1K");
    EXPECT_THAT(unlike("done from p[0x1000+1K]"), testing::ElementsAre("done nothing"));
}

// One that met a step is looked at again, where it arrived.
TEST_F(SteadyPump, ThatReadsIsWholeBesideAStep) {
    (void)run("buffer q 4K");
    (void)run("pump a read 0x201000+64");
    for (int i = 0; i < 200; ++i) (void)run(i % 2 == 0 ? "map one 0x400000 q rw" : "unmap one 0x400000+4K");
    (void)run("halt a");
    EXPECT_THAT(unlike("done from p[0x1000+64]"), testing::IsEmpty());
}

TEST_F(SteadyPump, HasALineForEachPiece) {
    target_.in_flight = 4;
    pump("a write 0x200000+16K by 4K deep 4");
    EXPECT_EQ(target_.most_flying, 4U);
    EXPECT_LT(events_.size(), kMany / 10);
    for (const auto& e : events_) {
        const auto at = std::get<DmaEvent>(*e.event()).request.range.start.value - 0x200000;
        EXPECT_THAT(print(*e.observed), HasSubstr(fmt::format(" lands p[{:#x}+4K]", at)));
    }
    EXPECT_EQ(runner_.finish().size(), 1U);
}

// Found by reading: what the last DMA had left was taken for somebody else's where another piece leads to the same memory.
TEST_F(SteadyPump, MayWalkOverOneMemoryTwice) {
    for (const auto* step : {"buffer q 4K", "map one 0x300000 q rw", "map one 0x301000 q rw"}) (void)run(step);
    for (int i = 0; i < 10; ++i) {
        events_.clear();
        target_.copies = 0;
        pump("a write 0x300000+8K by 4K", 200 + i);
    }
    EXPECT_EQ(runner_.finish().size(), 1U);
}

// One that goes over pages, has an odd length, or begins in the middle of one.
TEST_F(SteadyPump, MayBeLongOrOdd) {
    pump("a write 0x200f00+9K");
    EXPECT_THAT(unlike("done lands p[0xf00+9K]"), testing::IsEmpty());
    events_.clear();
    target_.copies = 0;
    pump("a write 0x201008+200");
    EXPECT_THAT(unlike("done lands p[0x1008+200]"), testing::IsEmpty());
    EXPECT_LT(events_.size(), kMany / 10);
}

// The lane looks twice at nothing: what a DMA should have changed was changed by the one before it, and differently.
TEST_F(SteadyPump, FindsTheOneThatWroteNothing) {
    target_.skips = kMany / 2;
    pump("a write 0x200000+64");
    EXPECT_THAT(unlike("done lands p[0x0+64]"), testing::ElementsAre("done nowhere"));
}

TEST_F(SteadyPump, FindsTheOneThatWentElsewhere) {
    target_.strays = kMany / 2;
    target_.stray_by = 0x3000;
    pump("a write 0x200000+64");
    EXPECT_THAT(unlike("done lands p[0x0+64]"), testing::ElementsAre("done lands p[0x3000+64]"));
}

TEST_F(SteadyPump, FindsTheOneThatWentElsewhereAmongSeveralUnderWay) {
    target_.in_flight = 4;
    target_.strays = kMany / 2;
    target_.stray_by = 0x8000;
    pump("a write 0x200000+8K by 2K deep 4");
    std::size_t astray = 0;
    for (const auto& e : events_) {
        const auto at = std::get<DmaEvent>(*e.event()).request.range.start.value - 0x200000;
        const bool there = print(*e.observed).find(fmt::format(" lands p[{:#x}+2K]", at + 0x8000)) != std::string::npos;
        astray += there ? 1 : 0;
        if (there) continue;
        EXPECT_THAT(print(*e.observed), HasSubstr(fmt::format(" lands p[{:#x}+2K]", at)));
    }
    EXPECT_EQ(astray, 1U);
}

// With many under way they are started and looked at in bursts.
TEST_F(SteadyPump, MayHaveManyUnderWay) {
    target_.in_flight = 64;
    for (const auto* what : {"a write 0x200000+64K by 1K deep 64", "a read 0x200000+64K by 1K deep 64"}) {
        events_.clear();
        target_.copies = target_.most_flying = 0;
        pump(what);
        EXPECT_EQ(target_.most_flying, 64U);
        EXPECT_LT(events_.size(), kMany / 4);
        for (const auto& e : events_) {
            const auto at = std::get<DmaEvent>(*e.event()).request.range.start.value - 0x200000;
            EXPECT_THAT(print(*e.observed), HasSubstr(fmt::format(" p[{:#x}+1K]", at)));
        }
    }
    EXPECT_EQ(runner_.finish().size(), 1U);
}

// A device that puts what arrives into its next buffer: each DMA is told as the device did it.
TEST_F(SteadyPump, FollowsWhatCameInThePlaceOfALostOne) {
    target_.in_flight = 16;
    for (const auto* what : {"a write 0x200000+16K by 1K deep 16", "a read 0x200000+16K by 1K deep 16"}) {
        for (const std::uint64_t lost : {std::uint64_t{3}, kMany / 2, kMany / 2 + 7}) {
            events_.clear();
            target_.copies = 0;
            target_.loses = lost;
            pump(what);
            std::size_t nothing = 0;
            for (const auto& e : events_) {
                const auto at = std::get<DmaEvent>(*e.event()).request.range.start.value - 0x200000;
                const bool arrived = print(*e.observed).find(fmt::format(" p[{:#x}+1K]", at)) != std::string::npos;
                if (!arrived) {
                    EXPECT_THAT(print(*e.observed), testing::StartsWith("timeout "));
                }
                nothing += arrived ? 0 : 1;
            }
            EXPECT_EQ(nothing, 1U) << what << ", number " << lost;
        }
    }
    EXPECT_EQ(runner_.finish().size(), 1U) << "no byte is left over";
}

TEST_F(SteadyPump, EndsWhenAStepBeginsWithManyUnderWay) {
    target_.in_flight = 32;
    std::vector<Interval> steps;
    (void)run("buffer q 4K");
    for (const auto* what : {"pump a write 0x200000+32K by 1K deep 32", "pump a read 0x200000+32K by 1K deep 32"}) {
        (void)run(what);
        for (std::uint64_t i = 1; i <= 50; ++i) {
            await(target_.copies + 500);
            steps.push_back(*run(i % 2 == 1 ? "map one 0x400000 q rw" : "unmap one 0x400000+4K").when);
        }
        (void)run("halt a");
    }
    std::size_t many = 0;
    for (const auto& e : events_) {
        const auto* dma = std::get_if<DmaEvent>(e.event());
        if (dma == nullptr) continue;
        EXPECT_THAT(print(*e.observed), HasSubstr(fmt::format(" p[{:#x}+1K]", dma->request.range.start.value - 0x200000)));
        if (dma->times == 1) continue;
        ++many;
        for (const auto& step : steps) EXPECT_TRUE(e.when->end < step.begin || step.end < e.when->begin) << print(e);
    }
    EXPECT_GT(many, 0U);
    EXPECT_EQ(runner_.finish().size(), 1U) << "no byte is left over";
}

TEST_F(SteadyPump, FindsTheOneThatFailed) {
    target_.fails = kMany / 2;
    pump("a write 0x200000+64");
    EXPECT_THAT(unlike("done lands p[0x0+64]"), testing::ElementsAre("error lands p[0x0+64]"));
    EXPECT_EQ(target_.resets.size(), 2U);
}

// DMAs that met a step are told one by one, so that each is judged by what it may have met.
TEST_F(SteadyPump, EndsWhenAStepBegins) {
    std::vector<Interval> steps;
    (void)run("buffer q 4K");
    (void)run("pump a write 0x200000+64");
    for (std::uint64_t i = 1; i <= 50; ++i) {
        await(target_.copies + 50);
        steps.push_back(*run(i % 2 == 1 ? "unmap one all" : "map one 0x200000 p rw").when);
    }
    await(target_.copies + 50);
    (void)run("halt a");
    std::size_t many = 0;
    for (const auto& e : events_) {
        const auto* dma = std::get_if<DmaEvent>(e.event());
        if (dma == nullptr || dma->times == 1) continue;
        ++many;
        for (const auto& step : steps) EXPECT_TRUE(e.when->end < step.begin || step.end < e.when->begin) << print(e);
    }
    EXPECT_GT(many, 0U);
}

// Another device's DMA to the same bytes: whose they are is looked at one by one.
TEST_F(SteadyPump, OfTwoDevicesToOnePlaceCountsEveryDma) {
    (void)run("pump a write 0x200000+64");
    (void)run("pump b write 0x200000+64");
    await(2 * kMany);
    std::uint64_t count = 0;
    for (const auto* halt : {"halt a", "halt b"}) count += *std::get<Answer>(*run(halt).observed).value;
    EXPECT_EQ(count, target_.copies);
    EXPECT_EQ(told(), count);
    EXPECT_EQ(runner_.finish().size(), 1U) << "no byte is left over";
}

}  // namespace
}  // namespace landfall
