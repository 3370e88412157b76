#include "landfall/types.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace landfall {
namespace {

TEST(Bdf, ReadsBothFormsAndPrintsTheLongOne) {
    EXPECT_EQ(Bdf::parse("00:08.1")->str(), "0000:00:08.1");
    EXPECT_EQ(Bdf::parse("10000:ff:1f.7")->str(), "10000:ff:1f.7");  // VMD domains have five digits
    EXPECT_EQ(*Bdf::parse("0001:02:03.4"), (Bdf{1, 2, 3, 4}));
}

TEST(Bdf, RefusesWhatIsNoFunction) {
    for (const auto* text : {"", "00:08", "00:08.8", "00:20.0", "0:08.0", "00:08.1 ", "123:00:08.0", "0000:00:08",
                             "0000:00:08.10", "g000:00:08.0", "-001:00:08.0", "123456789:00:08.0"})
        EXPECT_FALSE(Bdf::parse(text)) << text;
}

TEST(Errno, NamesRoundTripAndNumbersWithoutANameToo) {
    for (int i = 1; i <= 200; ++i) EXPECT_EQ(Errno::parse(Errno{i}.str()), Errno{i});
    EXPECT_EQ(Errno{EINVAL}.str(), "EINVAL");
    EXPECT_EQ(Errno{4095}.str(), "errno-4095");
}

TEST(Errno, RefusesWhatIsNone) {
    for (const auto* text : {"", "ok", "EBOGUS", "einval", "errno-0", "errno--1", "errno-4096", "errno-x", "errno-"})
        EXPECT_FALSE(Errno::parse(text)) << text;
}

TEST(Access, AllowsNoMoreThanItSays) {
    const Access r{true, false}, w{false, true}, rw{true, true};
    EXPECT_TRUE(rw.allows(r) && rw.allows(w) && rw.allows(rw) && r.allows(r) && w.allows(w));
    EXPECT_FALSE(r.allows(w) || w.allows(r) || r.allows(rw) || w.allows(rw));
    for (const auto a : {r, w, rw}) EXPECT_EQ(Access::parse(a.str()), a);
    for (const auto* text : {"", "wr", "x", "rwx", "R"}) EXPECT_FALSE(Access::parse(text)) << text;
}

TEST(IovaRange, ReachesTheVeryLastByte) {
    const IovaRange top{Iova{~0ULL - 4095}, 4096};
    EXPECT_EQ(top.last(), Iova{~0ULL});
    EXPECT_TRUE(top.contains(Iova{~0ULL}));
    EXPECT_FALSE(top.contains(Iova{0}));
    EXPECT_TRUE(top.overlaps({Iova{~0ULL}, 1}));
    EXPECT_FALSE(top.overlaps({Iova{0}, 4096}));
}

TEST(IovaRange, NeighboursDoNotOverlap) {
    const IovaRange r{Iova{0x1000}, 0x1000};
    EXPECT_FALSE(r.overlaps({Iova{0x2000}, 0x1000}));
    EXPECT_FALSE(r.overlaps({Iova{0}, 0x1000}));
    EXPECT_TRUE(r.overlaps({Iova{0x1fff}, 1}));
    EXPECT_TRUE(r.contains(IovaRange{Iova{0x1800}, 0x800}));
    EXPECT_FALSE(r.contains(IovaRange{Iova{0x1800}, 0x801}));
}

TEST(Sizes, ShortestExactForm) {
    EXPECT_EQ(size_str(0), "0");
    EXPECT_EQ(size_str(100), "100");
    EXPECT_EQ(size_str(4096), "4K");
    EXPECT_EQ(size_str(4097), "4097");
    EXPECT_EQ(size_str(3ULL << 20), "3M");
    EXPECT_EQ(size_str(1ULL << 40), "0x10000000000");
    EXPECT_EQ(size_str(~0ULL), "0xffffffffffffffff");
}

TEST(Durations, ShortestExactForm) {
    EXPECT_EQ(duration_str({0}), "0s");
    EXPECT_EQ(duration_str({7}), "7ns");
    EXPECT_EQ(duration_str({250'000}), "250us");
    EXPECT_EQ(duration_str({1'500'000'000}), "1500ms");
    EXPECT_EQ(duration_str({60'000'000'000}), "60s");
}

}  // namespace
}  // namespace landfall
