#include "landfall/linearize.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "landfall/trace.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Two functions of one group, two empty address spaces.
constexpr const char* kStart =
    "device a 0000:00:08.0 1234:11e8 group 2 engine edu\n"
    "device b 0000:00:08.1 1234:11e8 group 2 engine edu\n"
    "@1 @2 buffer p1 4K => ok\n"
    "@3 @4 buffer p2 4K => ok\n"
    "@5 @6 ioas one => ok\n"
    "@7 @8 ioas two => ok\n";

std::unique_ptr<Model> model_after(const std::string& lines) {
    auto model = make_model("iommufd");
    for (const auto& line : Trace::parse(lines).lines) {
        if (line.fact() != nullptr) static_cast<void>(model->fact(*line.fact()));
        if (line.step() != nullptr)
            static_cast<void>(model->apply(*line.step(), std::get<Answer>(*line.observed)));
    }
    return model;
}

struct Played {
    Trace trace;
    std::unique_ptr<Model> start;
    Orders orders;
};

Played play(const std::string& block, const std::string& before = {}, std::size_t most = 2000) {
    Played out{Trace::parse(block), model_after(kStart + before), {}};
    std::vector<const Line*> steps;
    for (const auto& line : out.trace.lines) steps.push_back(&line);
    out.orders = linearize(*out.start, steps, most);
    return out;
}

std::vector<std::size_t> stuck(const Played& played) {
    std::vector<std::size_t> out;
    for (const auto& s : played.orders.stuck) out.push_back(s.step);
    return out;
}

TEST(Linearize, StepsThatDoNotMeetComeToOneEnd) {
    const auto played = play(
        "@20 @40 lane 1: map one 0x1000 p1 rw => ok\n"
        "@20 @40 lane 2: map two 0x1000 p2 rw => ok\n"
        "@20 @40 lane 3: map one 0x5000 p2 rw => ok\n");
    EXPECT_THAT(stuck(played), IsEmpty());
    ASSERT_EQ(played.orders.found.size(), 1U);
    EXPECT_EQ(played.orders.found[0].effects.size(), 3U);
}

TEST(Linearize, TheAnswersTellWhoWasFirst) {
    const auto played = play(
        "@20 @40 lane 1: attach a one => EINVAL\n"
        "@20 @41 lane 2: attach b two => ok\n");
    EXPECT_THAT(stuck(played), IsEmpty());
    ASSERT_EQ(played.orders.found.size(), 1U);
    const auto reference = model_after(std::string(kStart) + "@20 @21 attach b two => ok\n");
    reference->raced({"b", "two", false});
    EXPECT_TRUE(played.orders.found[0].model->same_state(*reference));
}

TEST(Linearize, WhatTheAnswersDoNotTellStaysOpen) {
    const auto played = play(
        "@20 @40 lane 1: replace a two => ok\n"
        "@20 @41 lane 2: replace b one => ok\n",
        "@10 @11 attach a one => ok\n@12 @13 attach b one => ok\n");
    EXPECT_THAT(stuck(played), IsEmpty());
    EXPECT_EQ(played.orders.found.size(), 2U);
}

TEST(Linearize, AStepThatEndedBeforeAnotherBeganCameFirst) {
    const auto block = [](int begin) {
        return fmt::format(
            "@20 @40 lane 1: unmap one 0x1000+4K => ok 0x1000\n"
            "@{} @90 lane 2: map one 0x1000 p1 rw => EEXIST\n",
            begin);
    };
    const char* before = "@10 @11 map one 0x1000 p1 rw => ok\n";
    EXPECT_THAT(stuck(play(block(40), before)), IsEmpty()) << "they share an instant";
    EXPECT_THAT(stuck(play(block(41), before)), ElementsAre(1U));
}

TEST(Linearize, ALaneTakesItsStepsInOrder) {
    const auto played = play(
        "@20 @30 lane 1: map one 0x1000 p1 rw => ok\n"
        "@30 @40 lane 1: unmap one 0x1000+4K => ok 0x1000\n"
        "@20 @50 lane 2: map one 0x1000 p2 rw => EEXIST\n");
    EXPECT_THAT(stuck(played), IsEmpty());
    ASSERT_EQ(played.orders.found.size(), 1U);
    EXPECT_THAT(stuck(play("@20 @30 lane 1: unmap one 0x1000+4K => ok 0x1000\n"
                           "@30 @40 lane 1: map one 0x1000 p1 rw => ok\n")),
                ElementsAre(0U));
}

TEST(Linearize, AnAnswerNoOrderAllowsIsNamedAndFollowed) {
    const auto played = play(
        "@20 @40 lane 1: attach a one => ok\n"
        "@20 @41 lane 2: attach b two => ok\n"
        "@20 @42 lane 3: map one 0x1000 p1 rw => ok\n");
    ASSERT_THAT(stuck(played), ElementsAre(1U));
    EXPECT_THAT(played.orders.stuck[0].beside, ElementsAre(0U, 2U));
    EXPECT_THAT(played.orders.stuck[0].prediction.allowed, ElementsAre(Errno{EINVAL}));
    EXPECT_EQ(played.orders.found.size(), 1U);
}

// Twelve lanes that all meet: 12! orders, 2^12 sets of steps done.
TEST(Linearize, GivesUpRatherThanTakingForever) {
    std::string block;
    for (int lane = 1; lane <= 12; ++lane)
        block += fmt::format("@20 @{} lane {}: map one 0x{}000 p1 rw => ok\n", 40 + lane, lane, lane + 10);
    EXPECT_TRUE(play(block, {}, 1000).orders.gave_up);
    EXPECT_EQ(play(block, {}, 100000).orders.found.size(), 1U);
}

// A long block in which only neighbours overlap costs no more than its length.
TEST(Linearize, LanesThatTakeTurnsNeedNoSearch) {
    std::string block;
    for (int i = 0; i < 300; ++i)
        block += fmt::format("@{} @{} lane {}: map one 0x{:x}000 p1 rw => ok\n", 100 + 10 * i, 112 + 10 * i,
                             1 + i % 2, i + 16);
    const auto played = play(block, {}, 1000);
    EXPECT_FALSE(played.orders.gave_up);
    ASSERT_EQ(played.orders.found.size(), 1U);
    EXPECT_EQ(played.orders.agreed.size() + played.orders.found[0].effects.size(), 300U);
}

}  // namespace
}  // namespace landfall
