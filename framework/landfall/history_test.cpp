#include "landfall/history.hpp"

#include <gtest/gtest.h>

namespace landfall {
namespace {

constexpr IovaRange kPage{Iova{0x200000}, kPageSize};
constexpr Access kReadWrite{true, true};

Interval at(std::uint64_t begin, std::uint64_t end) { return {{begin}, {end}}; }

Area area(const char* buffer, IovaRange range = kPage, Access access = kReadWrite) {
    Area a;
    a.range = range;
    a.access = a.tolerated = access;
    a.memory.buffer = buffer;
    return a;
}

// A group of one device on space 0, which maps p at kPage from the start; space 1 maps q there.
class HistoryTest : public testing::Test {
  protected:
    HistoryTest() {
        fact(DeviceAppeared{"b", 2});
        fact(SpaceMade{SpaceId{0}, "one"});
        fact(SpaceMade{SpaceId{1}, "two"});
        fact(AreaMapped{SpaceId{0}, area("p")});
        fact(AreaMapped{SpaceId{1}, area("q")});
        fact(GroupMoved{2, SpaceId{0}, "one"});
    }
    void fact(const Change& c) { h.apply(c, std::nullopt, 0); }
    void step(const Change& c, Interval when) { h.apply(c, when, ++line); }
    // "p", "p q", "p -": the memory that may have been reached, "-" if nothing may have been.
    std::string reach(Interval window, IovaRange range = kPage) {
        const auto outlook = h.look("b", range, window);
        std::string out;
        for (const auto& s : outlook.stretches) {
            if (!out.empty()) out += " | ";
            for (const auto& c : s.candidates)
                out += (out.empty() || out.back() == ' ' ? "" : " ") + c.mapping->area.memory.buffer;
            if (outlook.may_be_shut || s.may_block(kReadWrite))
                out += out.empty() || out.back() == ' ' ? "-" : " -";
        }
        return out;
    }

    // "one": what b's owner was certainly told; "-" for nothing, "?" if that is not certain.
    std::string told(Interval window) {
        const auto* spell = h.certainly_declared(*h.find("b"), window);
        return spell == nullptr ? "?" : spell->space ? spell->domain : "-";
    }

    History h;
    unsigned line = 0;
};

TEST_F(HistoryTest, BetweenStepsExactlyOneIsTrue) {
    step(GroupMoved{2, SpaceId{1}, "two"}, at(100, 200));
    EXPECT_EQ(reach(at(10, 99)), "p");
    EXPECT_EQ(reach(at(201, 300)), "q");
}

TEST_F(HistoryTest, DuringAStepBothAreAndSoIsNothing) {
    step(GroupMoved{2, SpaceId{1}, "two"}, at(100, 200));
    EXPECT_EQ(reach(at(120, 130)), "p q -");
    EXPECT_EQ(reach(at(10, 300)), "p q -");
}

TEST_F(HistoryTest, IntervalsAreClosedSoTouchingIsOverlapping) {
    step(GroupMoved{2, SpaceId{1}, "two"}, at(100, 200));
    EXPECT_EQ(reach(at(10, 100)), "p q -");
    EXPECT_EQ(reach(at(200, 300)), "p q -");
}

TEST_F(HistoryTest, UnmapAndMapAtOnePlaceLeaveAGap) {
    step(AreaUnmapped{SpaceId{0}, kPage.start}, at(100, 110));
    step(AreaMapped{SpaceId{0}, area("r")}, at(120, 130));
    EXPECT_EQ(reach(at(10, 90)), "p");
    EXPECT_EQ(reach(at(111, 119)), "-");
    EXPECT_EQ(reach(at(131, 140)), "r");
    EXPECT_EQ(reach(at(90, 125)), "r p -");
}

// The area was there, and the domain was; never both.
TEST_F(HistoryTest, AMappingCountsOnlyWhileItsDomainDoes) {
    step(GroupMoved{2, SpaceId{1}, "two"}, at(100, 200));
    step(AreaMapped{SpaceId{0}, area("late", {Iova{0x300000}, kPageSize})}, at(300, 310));
    EXPECT_EQ(reach(at(150, 400), {Iova{0x300000}, kPageSize}), "-");
}

TEST_F(HistoryTest, OverlappingStepsOfTwoLanes) {
    fact(SpaceMade{SpaceId{2}, "three"});
    fact(AreaMapped{SpaceId{2}, area("s")});
    step(GroupMoved{2, SpaceId{1}, "two"}, at(100, 200));
    step(GroupMoved{2, SpaceId{2}, "three"}, at(150, 250));
    EXPECT_EQ(reach(at(110, 120)), "p q -");
    EXPECT_EQ(reach(at(160, 170)), "p q s -");
    EXPECT_EQ(reach(at(210, 220)), "q s -");
    EXPECT_EQ(reach(at(251, 260)), "s");
}

TEST_F(HistoryTest, ARangeIsCutWhereMappingsEnd) {
    step(AreaMapped{SpaceId{0}, area("next", {Iova{0x202000}, kPageSize})}, at(1, 2));
    EXPECT_EQ(reach(at(10, 20), {Iova{0x1ff000}, 5 * kPageSize}), "- | p | - | next | -");
}

TEST_F(HistoryTest, AddressesUpToTheVeryTop) {
    const IovaRange top{Iova{~std::uint64_t{0} - kPageSize + 1}, kPageSize};
    step(AreaMapped{SpaceId{0}, area("top", top)}, at(1, 2));
    EXPECT_EQ(reach(at(10, 20), top), "top");
    EXPECT_EQ(reach(at(10, 20), {Iova{top.start.value - kPageSize}, 2 * kPageSize}), "- | top");
}

TEST_F(HistoryTest, PermissionsDecideWhatMayBeBlocked) {
    step(AreaUnmapped{SpaceId{0}, kPage.start}, at(1, 2));
    step(AreaMapped{SpaceId{0}, area("p", kPage, {true, false})}, at(3, 4));
    const auto outlook = h.look("b", kPage, at(10, 20));
    EXPECT_FALSE(outlook.stretches[0].may_block({true, false}));
    EXPECT_TRUE(outlook.stretches[0].may_block({false, true}));
}

TEST_F(HistoryTest, AResetMayLoseWhatIsInFlightAndNothingElse) {
    step(DeviceGated{"b", false}, at(100, 110));
    h.apply(DeviceGated{"b", true}, at(100, 110), line);
    EXPECT_EQ(reach(at(10, 20)), "p");
    EXPECT_EQ(reach(at(90, 105)), "p -");
    EXPECT_EQ(reach(at(111, 120)), "p");
    EXPECT_TRUE(h.look("b", kPage, at(105, 106)).may_be_open);
}

TEST_F(HistoryTest, AClosedDeviceReachesNothing) {
    step(DeviceGated{"b", false}, at(100, 110));
    EXPECT_FALSE(h.look("b", kPage, at(111, 120)).may_be_open);
    EXPECT_TRUE(h.look("b", kPage, at(105, 120)).may_be_open);
}

TEST_F(HistoryTest, RemembersWhereAnAddressOnceLed) {
    step(AreaUnmapped{SpaceId{0}, kPage.start}, at(100, 110));
    step(GroupMoved{2, SpaceId{1}, "two"}, at(200, 210));
    const auto trails = h.whence("b", kPage.start, {"p", 0, 0});
    ASSERT_EQ(trails.size(), 1U);
    EXPECT_EQ(trails[0].space, "one");
    EXPECT_EQ(trails[0].mapping->life.ended_line, 1U);
    EXPECT_EQ(trails[0].domain->life.ended_line, 2U);
    EXPECT_TRUE(h.whence("b", kPage.start, {"elsewhere", 0, 0}).empty());
}

TEST_F(HistoryTest, WithoutBooksTheGroupsDomainIsDeclared) {
    step(GroupMoved{2, SpaceId{1}, "two"}, at(100, 200));
    EXPECT_EQ(told(at(10, 99)), "one");
    EXPECT_EQ(told(at(150, 160)), "?");
    EXPECT_EQ(told(at(201, 300)), "two");
}

TEST_F(HistoryTest, BooksOfADeviceMoveOnTheirOwn) {
    step(DeviceDeclared{"b", SpaceId{0}, "one"}, at(10, 20));
    step(GroupMoved{2, SpaceId{1}, "two"}, at(100, 200));
    EXPECT_EQ(told(at(1, 9)), "-") << "nothing was told before the first entry";
    EXPECT_EQ(told(at(1, 10)), "?");
    EXPECT_EQ(told(at(30, 90)), "one") << "also when others are told something later";
    EXPECT_EQ(told(at(300, 400)), "one");
    EXPECT_EQ(reach(at(300, 400)), "q") << "books move no DMA";
    EXPECT_TRUE(h.estranged(at(30, 90)).empty()) << "both are 'one'";
    EXPECT_TRUE(h.estranged(at(150, 400)).empty()) << "not throughout";
    ASSERT_EQ(h.estranged(at(300, 400)).size(), 1U);
    EXPECT_EQ(h.estranged(at(300, 400))[0].actual->domain, "two");
    step(DeviceDeclared{"b", std::nullopt, {}}, at(500, 510));
    EXPECT_EQ(told(at(505, 506)), "?");
    EXPECT_EQ(told(at(300, 400)), "one") << "asked about afterwards";
}

TEST_F(HistoryTest, MemoryIsBoundedByWhatIsLive) {
    for (std::uint64_t i = 0; i < 5000; ++i) {
        const auto t = 1000 + i * 100;
        step(AreaUnmapped{SpaceId{0}, kPage.start}, at(t, t + 10));
        step(AreaMapped{SpaceId{0}, area("p")}, at(t + 20, t + 30));
        step(GroupMoved{2, SpaceId{i % 2}, "x"}, at(t + 40, t + 50));
        h.forget({t});
    }
    EXPECT_LT(h.remembered(), 200U);
}

TEST_F(HistoryTest, NothingAnOpenWindowCanSeeIsForgotten) {
    for (std::uint64_t i = 0; i < 500; ++i) {
        const auto t = 1000 + i * 100;
        step(AreaUnmapped{SpaceId{0}, kPage.start}, at(t, t + 10));
        step(AreaMapped{SpaceId{0}, area(i == 0 ? "first" : "p")}, at(t + 20, t + 30));
        h.forget({1000});
    }
    EXPECT_NE(reach(at(1050, 90000)).find("first"), std::string::npos);
}

}  // namespace
}  // namespace landfall
