#include "observe/descriptors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <climits>
#include <vector>

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class DescriptorsTest : public testing::Test {
  protected:
    DescriptorsTest() { table.start(1); }
    std::vector<FileId> gone;
    Descriptors table{[this](FileId file) { gone.push_back(file); }};
};

TEST_F(DescriptorsTest, TheLastDescriptorReleasesTheFile) {
    const auto file = table.open(1, 3, false);
    table.duplicate(1, 3, 7, false);
    EXPECT_EQ(table.find(1, 7), file);
    table.close(1, 3, 3);
    EXPECT_THAT(gone, IsEmpty());
    EXPECT_EQ(table.find(1, 3), std::nullopt);
    table.close(1, 7, 7);
    EXPECT_THAT(gone, ElementsAre(file));
}

TEST_F(DescriptorsTest, AForkCopiesAThreadShares) {
    const auto file = table.open(1, 3, false);
    table.start(2, 1, false);
    table.start(3, 1, true);
    table.close(3, 3, 3);
    EXPECT_EQ(table.find(1, 3), std::nullopt);
    EXPECT_EQ(table.find(2, 3), file);
    EXPECT_THAT(gone, IsEmpty());
    table.end(2);
    EXPECT_THAT(gone, ElementsAre(file));
}

TEST_F(DescriptorsTest, ATableGoesWithItsLastThread) {
    const auto file = table.open(1, 3, false);
    table.start(2, 1, true);
    table.end(1);
    EXPECT_THAT(gone, IsEmpty());
    table.end(2);
    EXPECT_THAT(gone, ElementsAre(file));
}

TEST_F(DescriptorsTest, ExecClosesWhatIsMarked) {
    const auto kept = table.open(1, 3, false);
    const auto lost = table.open(1, 4, true);
    const auto unmarked = table.open(1, 5, true);
    table.close_on_exec(1, 5, 5, false);
    table.execute(1, 1);
    EXPECT_THAT(gone, ElementsAre(lost));
    EXPECT_EQ(table.find(1, 3), kept);
    EXPECT_EQ(table.find(1, 5), unmarked);
}

TEST_F(DescriptorsTest, ExecOfAThreadTakesTheNameOfTheFirst) {
    const auto file = table.open(1, 3, false);
    table.start(2, 1, true);
    table.execute(2, 1);  // thread 2 goes on as thread 1
    EXPECT_EQ(table.find(1, 3), file);
    table.end(1);
    EXPECT_THAT(gone, ElementsAre(file));
}

TEST_F(DescriptorsTest, ExecLeavesTheTableOfWhoSharesIt) {
    const auto file = table.open(1, 3, true);
    table.start(2, 1, true);
    table.execute(2, 2);
    EXPECT_EQ(table.find(1, 3), file);
    EXPECT_EQ(table.find(2, 3), std::nullopt);
}

TEST_F(DescriptorsTest, DuplicatingOntoItselfOrAnotherOfTheSameFile) {
    const auto file = table.open(1, 3, false);
    table.duplicate(1, 3, 3, false);
    table.duplicate(1, 3, 4, false);
    table.duplicate(1, 4, 3, false);
    EXPECT_THAT(gone, IsEmpty());
    EXPECT_EQ(table.find(1, 3), file);
}

TEST_F(DescriptorsTest, WhatIsDuplicatedOverIsClosed) {
    const auto old = table.open(1, 4, false);
    table.open(1, 3, false);
    table.duplicate(1, 3, 4, false);
    EXPECT_THAT(gone, ElementsAre(old));
    table.duplicate(1, 9, 3, false);  // a file that is none of ours
    EXPECT_EQ(table.find(1, 3), std::nullopt);
}

TEST_F(DescriptorsTest, ARangeIsClosedToItsEnd) {
    const auto a = table.open(1, 3, false), b = table.open(1, INT_MAX, false);
    table.close(1, 4, 3);
    EXPECT_THAT(gone, IsEmpty());
    table.close(1, 0, INT_MAX);
    EXPECT_THAT(gone, ElementsAre(a, b));
}

TEST_F(DescriptorsTest, TheKernelMayHoldAFile) {
    const auto file = table.open(1, 3, false);
    table.hold(file);
    table.close(1, 3, 3);
    EXPECT_THAT(gone, IsEmpty());
    table.let_go(file);
    EXPECT_THAT(gone, ElementsAre(file));
}

TEST_F(DescriptorsTest, ThreadsNobodyToldOfHaveNothing) {
    EXPECT_EQ(table.find(99, 3), std::nullopt);
    table.close(99, 0, INT_MAX);
    table.end(99);
    EXPECT_THAT(gone, IsEmpty());
}

}  // namespace
}  // namespace landfall
