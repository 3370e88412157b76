#include "sim/hardware.hpp"

#include <gtest/gtest.h>

#include <set>

namespace landfall::sim {
namespace {

constexpr Bdf kRid{0, 0, 8, 0}, kOther{0, 0, 9, 0};
constexpr Access kRead{true, false}, kWrite{false, true}, kBoth{true, true};
constexpr Iova kAt{0x200000};

// ---- page tables

TEST(PageTable, TranslatesWhatWasSetAndNothingBesideIt) {
    PageTable table(1);
    table.set(kAt, {7, kBoth, false});
    const auto leaf = table.walk(kAt + 0x123);
    ASSERT_TRUE(leaf);
    EXPECT_EQ(leaf->frame, 7U);
    EXPECT_EQ(leaf->access, kBoth);
    EXPECT_FALSE(leaf->huge);
    EXPECT_FALSE(table.walk(kAt + kPageSize));
    EXPECT_FALSE(table.walk(Iova{kAt.value - 1}));
    EXPECT_FALSE(table.walk(Iova{kAt.value + (std::uint64_t{1} << 39)}));  // the same place one table on
}

TEST(PageTable, KeepsPermissionsApart) {
    PageTable table(1);
    table.set(kAt, {1, kRead, false});
    table.set(kAt + kPageSize, {2, kWrite, false});
    EXPECT_EQ(table.walk(kAt)->access, kRead);
    EXPECT_EQ(table.walk(kAt + kPageSize)->access, kWrite);
}

TEST(PageTable, ALargeLeafCoversTwoMebibytesAndGoesAsOne) {
    PageTable table(1);
    table.set(kAt, {512, kBoth, true});
    table.set(kAt + kHugeSize, {3, kBoth, false});
    const auto last = table.walk(kAt + (kHugeSize - 1));
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->huge);
    EXPECT_EQ(last->frame, 512U);
    EXPECT_FALSE(table.walk(kAt + kHugeSize)->huge);
    EXPECT_EQ(table.clear(kAt), kHugeSize);
    EXPECT_FALSE(table.walk(kAt));
    EXPECT_EQ(table.walk(kAt + kHugeSize)->frame, 3U);
}

TEST(PageTable, ClearingTakesOnePageAndSaysHowMuchItWas) {
    PageTable table(1);
    table.set(kAt, {1, kBoth, false});
    table.set(kAt + kPageSize, {2, kBoth, false});
    EXPECT_EQ(table.clear(kAt), kPageSize);
    EXPECT_FALSE(table.walk(kAt));
    EXPECT_TRUE(table.walk(kAt + kPageSize));
    EXPECT_EQ(table.clear(kAt), kPageSize) << "nothing is there, and a page is what was looked at";
    EXPECT_EQ(table.clear(Iova{std::uint64_t{1} << 40}), kPageSize);
    table.clear_all();
    EXPECT_FALSE(table.walk(kAt + kPageSize));
}

// ---- the unit

class Lowest final : public Decider {
  public:
    [[nodiscard]] ActorId choose(std::span<const ActorId> ready) override { return ready[0]; }
};

class Unit : public testing::Test {
  protected:
    Unit() {
        table_.set(kAt, {7, kBoth, false});
        unit_.set_context(kRid, {&table_, 1});
    }
    std::optional<Frame> frame(Iova at = kAt, Access access = kRead) {
        return unit_.translate(kRid, at, access).frame;
    }
    std::uint32_t reason(Bdf rid, Iova at, Access access) { return unit_.translate(rid, at, access).reason; }

    Lowest decider_;
    Scheduler scheduler_{decider_};
    FaultSet faults_;
    IommuUnit unit_{scheduler_, faults_, 0};
    PageTable table_{1}, other_{2};
};

// VT-d specification, table 25.
TEST_F(Unit, FaultsForTheReasonTheSpecificationNames) {
    EXPECT_EQ(reason(kOther, kAt, kRead), 0x2U) << "no context entry";
    EXPECT_EQ(reason(kRid, Iova{std::uint64_t{1} << kAddressBits}, kRead), 0x4U) << "wider than the table";
    EXPECT_EQ(reason(kRid, kAt + kPageSize, kWrite), 0x5U);
    EXPECT_EQ(reason(kRid, kAt + kPageSize, kRead), 0x6U);
    table_.set(kAt + kPageSize, {8, kRead, false});
    EXPECT_EQ(reason(kRid, kAt + kPageSize, kWrite), 0x5U) << "read-only";
    EXPECT_EQ(frame(kAt + kPageSize), 8U);
}

TEST_F(Unit, ReachesThePageWithinALargeLeaf) {
    table_.set(kAt + kHugeSize, {1024, kBoth, true});
    EXPECT_EQ(frame(kAt + kHugeSize + 5 * kPageSize), 1029U);
}

TEST_F(Unit, PassesAddressesOnWhereThereIsNoTable) {
    unit_.set_context(kOther, {nullptr, 0});
    EXPECT_EQ(unit_.translate(kOther, Iova{0x5000}, kWrite).frame, 5U);
}

TEST_F(Unit, ServesFromItsCacheUntilItIsFlushed) {
    EXPECT_EQ(frame(), 7U);
    table_.clear(kAt);
    EXPECT_EQ(frame(), 7U) << "cached";
    unit_.flush_iotlb(2, std::nullopt);
    EXPECT_EQ(frame(), 7U) << "another domain's";
    unit_.flush_iotlb(1, IovaRange{kAt + kPageSize, kPageSize});
    EXPECT_EQ(frame(), 7U) << "another page";
    unit_.flush_iotlb(1, IovaRange{kAt, kPageSize});
    EXPECT_FALSE(frame());
    table_.set(kAt, {9, kBoth, false});
    EXPECT_EQ(frame(), 9U) << "what is absent is not cached";
    unit_.flush_iotlb(1, std::nullopt);
    table_.clear(kAt);
    EXPECT_FALSE(frame());
}

TEST_F(Unit, CachesTranslationsByDomainNotByDevice) {
    unit_.set_context(kOther, {&table_, 1});
    EXPECT_EQ(frame(), 7U);
    table_.clear(kAt);
    EXPECT_EQ(unit_.translate(kOther, kAt, kRead).frame, 7U);
    other_.set(kAt, {8, kBoth, false});
    unit_.set_context({0, 0, 10, 0}, {&other_, 2});
    EXPECT_EQ(unit_.translate({0, 0, 10, 0}, kAt, kRead).frame, 8U);
}

TEST_F(Unit, AFlushOfAnyPageDropsTheLargeLeafAroundIt) {
    table_.set(kAt + kHugeSize, {1024, kBoth, true});
    EXPECT_EQ(frame(kAt + kHugeSize), 1024U);
    table_.clear(kAt + kHugeSize);
    unit_.flush_iotlb(1, IovaRange{kAt + kHugeSize + 9 * kPageSize, kPageSize});
    EXPECT_FALSE(frame(kAt + kHugeSize));
}

TEST_F(Unit, KeepsAContextEntryUntilItIsFlushed) {
    EXPECT_EQ(frame(), 7U);
    other_.set(kAt, {8, kBoth, false});
    unit_.set_context(kRid, {&other_, 2});
    EXPECT_EQ(frame(), 7U);
    unit_.flush_context(kOther);
    EXPECT_EQ(frame(), 7U);
    unit_.flush_context(kRid);
    EXPECT_EQ(frame(), 8U);
    unit_.clear_context(kRid);
    EXPECT_EQ(frame(), 8U);
    unit_.flush_context(kRid);
    EXPECT_EQ(reason(kRid, kAt, kRead), 0x2U);
}

TEST_F(Unit, TheIotlbForgetsTheOldestWhenItIsFull) {
    for (std::uint64_t i = 0; i < 65; ++i) table_.set(kAt + i * kPageSize, {100 + i, kBoth, false});
    for (std::uint64_t i = 0; i < 65; ++i) EXPECT_EQ(frame(kAt + i * kPageSize), 100 + i);
    for (std::uint64_t i = 0; i < 65; ++i) table_.clear(kAt + i * kPageSize);
    EXPECT_FALSE(frame(kAt));
    EXPECT_EQ(frame(kAt + kPageSize), 101U);
    EXPECT_EQ(frame(kAt + 64 * kPageSize), 164U);
}

Task<> drained(IommuUnit& unit, bool& done) {
    co_await unit.drain();
    done = true;
}

Task<> land(Scheduler& scheduler, IommuUnit& unit, std::uint64_t ticket, const bool& drained) {
    co_await scheduler.step();
    co_await scheduler.step();
    EXPECT_FALSE(drained) << "the request had not arrived";
    unit.landed(ticket);
}

TEST_F(Unit, ADrainWaitsForTheRequestsBeforeItAndNoOthers) {
    bool done = false;
    const auto before = unit_.depart();
    scheduler_.spawn(ActorId::lane(0), drained(unit_, done));
    scheduler_.spawn(ActorId::lane(1), land(scheduler_, unit_, before, done));
    scheduler_.run_until_gone(0b10);
    static_cast<void>(unit_.depart());  // leaves after, and never arrives
    scheduler_.run_until_gone(0b01);
    EXPECT_TRUE(done);
}

}  // namespace
}  // namespace landfall::sim
