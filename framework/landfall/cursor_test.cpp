#include "landfall/cursor.hpp"

#include <gtest/gtest.h>

namespace landfall {
namespace {

Cursor over(std::string_view text) { return {text, "f", 1}; }

unsigned column_of_error(std::string_view text, void (*take)(Cursor&)) {
    try {
        auto in = over(text);
        take(in);
    } catch (const TextError& e) {
        return e.where().column;
    }
    return 0;
}

TEST(ParseSize, UnitsAndBothBases) {
    EXPECT_EQ(parse_size("0"), 0U);
    EXPECT_EQ(parse_size("12"), 12U);
    EXPECT_EQ(parse_size("0x1000"), 0x1000U);
    EXPECT_EQ(parse_size("4K"), 4096U);
    EXPECT_EQ(parse_size("3M"), 3U << 20);
    EXPECT_EQ(parse_size("2G"), 2ULL << 30);
    EXPECT_EQ(parse_size("0xffffffffffffffff"), ~0ULL);
    EXPECT_EQ(parse_size("17179869183G"), 17179869183ULL << 30);
}

TEST(ParseSize, RefusesWhatDoesNotFitOrIsNoNumber) {
    for (const auto* text : {"", "K", "4k", "4KB", "-4", "+4", "4 K", "0x", "0X10", "0x1K", "0xg", "1.5K",
                             "18446744073709551616", "17179869184G", "0x10000000000000000"})
        EXPECT_FALSE(parse_size(text)) << text;
}

TEST(ParseRange, LastByteMayBeTheVeryLastOne) {
    EXPECT_EQ(parse_range("0x200000+4K"), (IovaRange{Iova{0x200000}, 4096}));
    EXPECT_EQ(parse_range("0xfffffffffffff000+4K"), (IovaRange{Iova{~0ULL - 4095}, 4096}));
    EXPECT_EQ(parse_range("0+0xffffffffffffffff"), (IovaRange{Iova{0}, ~0ULL}));
    for (const auto* text :
         {"", "0x1000", "0x1000+", "+4K", "0x1000+0", "0xfffffffffffff001+4K", "1M+4K", "0x1000+4K+4K"})
        EXPECT_FALSE(parse_range(text)) << text;
}

TEST(IsName, LettersFirst) {
    for (const auto* text : {"a", "p1", "one-two_three.4", "Z"}) EXPECT_TRUE(is_name(text)) << text;
    for (const auto* text : {"", "1p", "-", ".a", "a b", "a[0]", "p\xc3\xa9", "a\"b"})
        EXPECT_FALSE(is_name(text)) << text;
    EXPECT_TRUE(is_name(std::string(64, 'a')));
    EXPECT_FALSE(is_name(std::string(65, 'a')));
}

TEST(Excerpt, IsShortAndPrintable) {
    EXPECT_EQ(excerpt("ioas"), "ioas");
    EXPECT_EQ(excerpt("\x1b[2Jp\xc3\xa9"), "\\x1b[2Jp\\xc3\\xa9");
    EXPECT_EQ(excerpt(std::string(1000, 'x')), std::string(60, 'x') + "...");
}

TEST(Cursor, WordsBlanksAndComment) {
    auto in = over(" \tmap  one#two # three");
    EXPECT_EQ(in.peek(), "map");
    EXPECT_FALSE(in.accept("ma"));
    EXPECT_TRUE(in.accept("map"));
    EXPECT_EQ(in.word("x"), "one");
    EXPECT_TRUE(in.at_end());
    EXPECT_EQ(in.peek(), "");
    EXPECT_EQ(in.comment(), "two # three");
}

TEST(Cursor, QuotedTextKeepsEveryByte) {
    EXPECT_EQ(over(R"("a # b")").quoted(), "a # b");
    EXPECT_EQ(over(R"("\"\\\x00\xff")").quoted(), std::string("\"\\\0\xff", 4));
    EXPECT_EQ(over(R"("")").quoted(), "");
    for (const auto* text : {"a", "\"", "\"a", "\"a\\\"", R"("\n")", R"("\x1")", R"("\xzz")", R"("\)", ""})
        EXPECT_THROW((void)over(text).quoted(), TextError) << text;
}

TEST(Cursor, Durations) {
    EXPECT_EQ(over("60s").duration(), Nanoseconds{60'000'000'000});
    EXPECT_EQ(over("7ns").duration(), Nanoseconds{7});
    for (const auto* text : {"61s", "10", "ms", "1h", "0x1s", "1.5s", "-1s", "99999999999999999999ns", "60000000001ns"})
        EXPECT_THROW((void)over(text).duration(), TextError) << text;
}

TEST(Cursor, Slices) {
    EXPECT_EQ(over("p1").slice(), (BufferSlice{"p1", std::nullopt}));
    EXPECT_EQ(over("p1[0x800+2K]").slice(), (BufferSlice{"p1", BufferSlice::Span{0x800, 2048}}));
    for (const auto* text : {"p1[", "p1[]", "p1[0x800]", "p1[0+0]", "p1[0+4K", "p1[0+4K]x", "1p", "[0+4K]"})
        EXPECT_THROW((void)over(text).slice(), TextError) << text;
}

TEST(Cursor, ErrorsPointAtTheTokenOrBehindTheLast) {
    EXPECT_EQ(column_of_error("ioas  0x1", [](Cursor& in) { in.expect("ioas"), (void)in.name("a name"); }), 7U);
    EXPECT_EQ(column_of_error("ioas", [](Cursor& in) { in.expect("ioas"), (void)in.name("a name"); }), 5U);
    EXPECT_EQ(column_of_error("  one", [](Cursor& in) { in.expect("two"); }), 3U);
}

}  // namespace
}  // namespace landfall
