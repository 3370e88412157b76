#include "landfall/search_lines.hpp"

#include <gmock/gmock.h>

#include "landfall/error.hpp"
#include "landfall/line.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;

std::optional<StampSearch> read(const std::vector<std::string>& lines) {
    SearchReader reader;
    std::optional<StampSearch> out;
    for (const auto& line : lines) {
        EXPECT_TRUE(SearchReader::concerns(line));
        EXPECT_FALSE(out) << "the question was whole before";
        out = reader.take(line);
    }
    return out;
}

TEST(SearchLines, AQuestionIsReadAsItWasAsked) {
    StampSearch search{StampKey(0xfedcba9876543210), 17, {}};
    EXPECT_THAT(print_search(search), ElementsAre("witness search 0xfedcba9876543210 17"));
    for (std::uint64_t i = 0; i < 2500; ++i) search.owned.push_back({{i * 3 * kPageSize}, kPageSize * (1 + i % 2)});
    const auto lines = print_search(search);
    EXPECT_EQ(lines.size(), 4U);
    for (const auto& line : lines) EXPECT_LT(line.size(), kMaxLine);
    const auto got = read(lines);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->key.nonce(), search.key.nonce());
    EXPECT_EQ(got->last_sequence, 17U);
    EXPECT_EQ(got->owned, search.owned);
}

TEST(SearchLines, AnAnswerIsReadAsItWasGiven) {
    const std::vector<Stamped> found{{{{0x1234000}, 4096}, 7}, {{{0x1236010}, 64}, 8}};
    EXPECT_EQ(print_found(found), "found 0x1234000+4K seq 7 0x1236010+64 seq 8");
    EXPECT_EQ(parse_found(print_found(found)), found);
    EXPECT_THAT(parse_found("found"), testing::IsEmpty());
}

TEST(SearchLines, WhatIsNoneIsRefused) {
    for (const char* text : {"", "found 7", "found 0x1000+64", "found 0x1000+64 seq", "end"})
        EXPECT_THROW(std::ignore = parse_found(text), TextError) << text;
    for (const char* text : {"witness", "witness search", "witness search 0x1", "witness owns 12",
                             "witness owns 0x3000+8K 0x4000+4K", "witness stand"})
        EXPECT_THROW(std::ignore = SearchReader().take(text), TextError) << text;
}

}  // namespace
}  // namespace landfall
