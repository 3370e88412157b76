#include "landfall/debts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Bdf kA{0, 0, 8, 0};
constexpr std::uint64_t kPage = 0x300000;

Debt debt(std::uint64_t begin, unsigned line) {
    Debt d{"a",           kA,
           {false, true}, {Iova{kPage}, kPageSize},
           false,         {Nanoseconds{begin}, Nanoseconds{begin + 5}}};
    d.line = line;
    return d;
}

FaultEvent fault(std::uint64_t address = kPage, Access access = {false, true}) {
    return {kA, access, Iova{address}, std::nullopt};
}

std::vector<unsigned> lines(const FaultDebts& debts) {
    std::vector<unsigned> out;
    for (const auto& d : debts.unpaid()) out.push_back(d.line);
    return out;
}

class Debts : public testing::Test {
  protected:
    void pay(std::uint64_t at, const FaultEvent& event = fault()) {
        debts_.pay(scene_, event, Nanoseconds{at});
    }
    Scene scene_;
    FaultDebts debts_;
};

TEST_F(Debts, OneFaultPaysForOneDma) {
    debts_.owe(debt(10, 1));
    debts_.owe(debt(20, 2));
    EXPECT_THAT(lines(debts_), ElementsAre(1, 2));
    pay(30);
    EXPECT_THAT(lines(debts_), ElementsAre(1)) << "the later one is harder to pay for";
    pay(40);
    EXPECT_THAT(lines(debts_), IsEmpty());
}

TEST_F(Debts, AFaultPaysForNoDmaThatBeganAfterIt) {
    debts_.owe(debt(10, 1));
    pay(9);
    EXPECT_THAT(lines(debts_), ElementsAre(1));
}

TEST_F(Debts, AFaultMayBeToldBeforeItsDmaIs) {
    pay(15);
    pay(25);
    debts_.owe(debt(20, 2));
    debts_.owe(debt(10, 1));
    EXPECT_THAT(lines(debts_), IsEmpty());
}

TEST_F(Debts, PageAndDirectionMustBeRight) {
    debts_.owe(debt(10, 1));
    pay(11, fault(kPage + kPageSize));
    pay(12, fault(kPage, {true, false}));
    EXPECT_THAT(lines(debts_), ElementsAre(1));
    pay(13, fault(kPage + 64, {}));
    EXPECT_THAT(lines(debts_), IsEmpty()) << "an IOMMU that does not say what it was may mean this one";
}

TEST_F(Debts, ADeviceThatMayHaveStarvedIsPaidForByAFaultOfItsRings) {
    scene_.staging = {Iova{0x70000000}, 1U << 20};
    auto starved = debt(10, 1);
    starved.starved = true;
    debts_.owe(starved);
    debts_.owe(debt(10, 2));
    pay(11, fault(0x70001000, {true, false}));
    EXPECT_THAT(lines(debts_), ElementsAre(2));
    starved.line = 3;
    debts_.owe(starved);
    EXPECT_THAT(lines(debts_), ElementsAre(2)) << "told before its DMA";
}

TEST_F(Debts, ManyFaultsAreNotKept) {
    for (std::uint64_t t = 0; t < 100000; ++t) {
        debts_.forget(Nanoseconds{t});
        pay(t, fault(kPage + t % 5000 * kPageSize));
    }
    EXPECT_LT(debts_.pages(), 12000U);
}

}  // namespace
}  // namespace landfall
