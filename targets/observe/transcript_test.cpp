#include "observe/transcript.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TranscriptTest : public testing::Test {
  protected:
    std::vector<std::string> lines;
    Transcript transcript{[this](const Line& line) { lines.push_back(print(line)); }};
    void map(pid_t thread, std::uint64_t begin, std::uint64_t end, std::uint64_t iova) {
        Map step{"ioas1", Iova{iova}, {"m", std::nullopt}, {true, true}, false};
        transcript.step(thread, {{begin}, {end}}, step, Answer{});
    }
};

TEST_F(TranscriptTest, CallsBehindOneAnotherAreSteps) {
    transcript.begins(7);
    map(7, 1, 2, 0x1000);
    EXPECT_THAT(lines, IsEmpty());
    transcript.over(7);
    transcript.begins(8);
    map(8, 3, 4, 0x2000);
    transcript.over(8);
    transcript.finish();
    EXPECT_THAT(lines, ElementsAre("@1 @2 map ioas1 0x1000 m rw => ok", "@3 @4 map ioas1 0x2000 m rw => ok",
                                   "end 2"));
}

TEST_F(TranscriptTest, CallsSideBySideAreABlockBehindTheMemoryTheyName) {
    transcript.begins(7);
    transcript.begins(8);
    map(8, 2, 3, 0x2000);
    transcript.over(8);
    Buffer buffer;
    buffer.name = "m";
    buffer.size = 4096;
    transcript.step(7, {{1}, {1}}, buffer, Answer{});
    map(7, 1, 5, 0x1000);
    transcript.over(7);
    EXPECT_THAT(lines, ElementsAre("@1 @1 buffer m 4K => ok", "@2 @3 lane 1: map ioas1 0x2000 m rw => ok",
                                   "@1 @5 lane 2: map ioas1 0x1000 m rw => ok"));
}

TEST_F(TranscriptTest, ThreadsThatWereOnlyInTheKernelAtTheSameTimeNeedNoLanes) {
    transcript.begins(7);  // ends without a step
    transcript.begins(8);
    map(8, 2, 3, 0x2000);
    transcript.over(8);
    transcript.over(7);
    EXPECT_THAT(lines, ElementsAre("@2 @3 map ioas1 0x2000 m rw => ok"));
}

TEST_F(TranscriptTest, MoreThreadsThanLanesAreTheLabsTrouble) {
    for (pid_t thread = 1; thread <= 17; ++thread) transcript.begins(thread);
    for (pid_t thread = 1; thread <= 17; ++thread) {
        map(thread, 1, 100 + static_cast<std::uint64_t>(thread), 0x1000U * static_cast<unsigned>(thread));
        transcript.over(thread);
    }
    transcript.finish();
    ASSERT_EQ(lines.size(), 18U);
    EXPECT_EQ(lines[16], "@117 ! lab \"more threads made calls at once than a trace has lanes\"");
    EXPECT_EQ(lines[17], "end 16");
}

TEST_F(TranscriptTest, WhatIsNoStepIsAComment) {
    transcript.not_judged("IOMMU_GET_HW_INFO => ok");
    transcript.not_followed("a PASID");
    transcript.event(KernelEvent{"WARNING: x"}, {9});
    transcript.finish();
    EXPECT_THAT(lines, ElementsAre("# not judged: IOMMU_GET_HW_INFO => ok", "# not followed: a PASID",
                                   "@9 ! kernel \"WARNING: x\"", "end 0"));
}

}  // namespace
}  // namespace landfall
