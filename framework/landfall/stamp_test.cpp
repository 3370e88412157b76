#include "landfall/stamp.hpp"

#include <gmock/gmock.h>
#include <sys/mman.h>

#include <cstring>
#include <random>

#include "landfall/mapping.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr GuestAddress kStart{0x1'0000'0000};
constexpr std::uint64_t kPages = 16;

TEST(StampKey, KnowsItsStampsAgain) {
    const StampKey key(42);
    for (const StampKey::Number n : {StampKey::Number{1, 0}, {7, 511}, {1, (1U << 22) - 1}, {(1U << 30) - 1, 3}}) {
        EXPECT_EQ(key.read(key.stamp(n)), n);
        EXPECT_EQ(key.stamp(n) >> StampKey::kMarkShift, StampKey::kMark);
    }
}

TEST(StampKey, AnIndexPastTheLastRunsOnIntoTheNextSequence) {
    const StampKey key(42);
    EXPECT_EQ(key.read(key.stamp({5, (1U << 22) + 3})), (StampKey::Number{6, 3}));
    EXPECT_EQ(StampKey::sequences(1), 1U);
    EXPECT_EQ(StampKey::sequences(1U << 22), 1U);
    EXPECT_EQ(StampKey::sequences((1U << 22) + 1), 2U);
}

TEST(StampKey, AnythingWithoutTheMarkIsNoStamp) {
    const StampKey key(42);
    std::mt19937_64 random(1);
    for (int i = 0; i < 10000; ++i) {
        const auto word = random();
        EXPECT_EQ(key.read(word).has_value(), word >> 52U == 0xb7d);
    }
    EXPECT_EQ(key.read(0), std::nullopt);
    EXPECT_EQ(key.read(~0ULL), std::nullopt);
}

TEST(Veiled, KeepsAWordWithoutLookingLikeIt) {
    const auto word = StampKey(42).stamp({1, 1});
    const Veiled veiled(word);
    std::uint64_t kept = 0;
    std::memcpy(&kept, &veiled, sizeof kept);
    EXPECT_EQ(StampKey(42).read(kept), std::nullopt);
    EXPECT_EQ(veiled.word(), word);
    EXPECT_EQ(Veiled().word(), 0U);
}

// Memory of a machine with nothing behind its last byte.
class FindStamps : public testing::Test {
  protected:
    FindStamps() {
        void* at = mmap(nullptr, (kPages + 1) * kPageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        EXPECT_NE(at, MAP_FAILED);
        all_ = Mapping(static_cast<std::byte*>(at), (kPages + 1) * kPageSize);
        EXPECT_EQ(mprotect(at, kPages * kPageSize, PROT_READ | PROT_WRITE), 0);
        memory = all_.bytes().first(kPages * kPageSize);
        // What is no stamp is anything.
        std::mt19937_64 random(1);
        for (std::uint64_t i = 0; i < memory.size(); i += 8) put(i, random());
    }
    void put(std::uint64_t at, std::uint64_t word) const { std::memcpy(memory.data() + at, &word, sizeof word); }
    void stamps(std::uint64_t at, std::uint64_t count, StampKey::Number first = {3, 0}) const {
        for (std::uint64_t i = 0; i < count; ++i) put(at + 8 * i, search.key.stamp({first.sequence, first.index + i}));
    }
    [[nodiscard]] std::vector<Stamped> find() const { return find_stamps(memory, kStart, search); }
    static Stamped found(std::uint64_t at, std::uint64_t length, std::uint64_t sequence = 3) {
        return {{kStart + at, length}, sequence};
    }

    Mapping all_;
    std::span<std::byte> memory;
    StampSearch search{StampKey(42), 9, {}};
};

TEST_F(FindStamps, FindsNothingInNothing) { EXPECT_THAT(find(), IsEmpty()); }

TEST_F(FindStamps, FindsStampsWhereverTheyStand) {
    stamps(0, 2);
    stamps(kPageSize + 8, 8, {4, 100});
    stamps(kPages * kPageSize - 64, 8, {9, 0});
    EXPECT_THAT(find(), ElementsAre(found(0, 16), found(kPageSize + 8, 64, 4), found(kPages * kPageSize - 64, 64, 9)));
}

TEST_F(FindStamps, PutsPiecesOfALongDmaTogetherAcrossPages) {
    stamps(3 * kPageSize - 16, 2 * kPageSize / 8);
    EXPECT_THAT(find(), ElementsAre(found(3 * kPageSize - 16, 2 * kPageSize)));
}

TEST_F(FindStamps, TwoDmasSideBySideAreTwo) {
    stamps(64, 4, {3, 0});
    stamps(96, 4, {5, 0});
    EXPECT_THAT(find(), ElementsAre(found(64, 32, 3), found(96, 32, 5)));
}

TEST_F(FindStamps, ALoneStampMayBeARegister) {
    stamps(64, 1);
    stamps(80, 1, {3, 1});
    EXPECT_THAT(find(), IsEmpty());
}

TEST_F(FindStamps, StampsOfAnotherRunAreNotLookedFor) {
    stamps(64, 512);
    search.key = StampKey(43);
    EXPECT_THAT(find(), IsEmpty());
}

TEST_F(FindStamps, NumbersNobodyGaveOutAreNoStamps) {
    stamps(64, 8, {10, 0});
    stamps(kPageSize, 8, {0, 5});
    EXPECT_THAT(find(), IsEmpty());
}

TEST_F(FindStamps, OwnedPagesMayHoldThem) {
    for (const std::uint64_t page : {0, 1, 2, 5, 15}) stamps(page * kPageSize, 512);
    search.owned = {{kStart, kPageSize}, {kStart + 2 * kPageSize, 8 * kPageSize}};
    EXPECT_THAT(find(), ElementsAre(found(kPageSize, kPageSize), found(15 * kPageSize, kPageSize)));
    search.owned = {{{0}, 2 * kStart.value}};
    EXPECT_THAT(find(), IsEmpty());
}

TEST_F(FindStamps, TellsSoManyAndNoMore) {
    for (std::uint64_t at = 0; at < memory.size(); at += 64) stamps(at, 2, {1 + at % 7, 0});
    EXPECT_GE(find().size(), StampSearch::kMost);
    EXPECT_LE(find().size(), StampSearch::kMost + kPageSize / 64);
}

}  // namespace
}  // namespace landfall
