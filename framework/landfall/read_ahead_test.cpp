#include "landfall/read_ahead.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <sstream>

#include "landfall/error.hpp"

namespace landfall {
namespace {

using testing::HasSubstr;

std::string steps(unsigned from, unsigned to) {
    std::string text;
    for (auto i = from; i < to; ++i)
        text += fmt::format("@{} @{} unmap one 0x{:x}000+4K => ok\n", 10 * i, 10 * i + 5, i + 1);
    return text;
}

// What came, line by line, and what ended it.
struct Read {
    std::string text, error;
    bool cut = false;
};

Read read(const std::string& text) {
    std::istringstream in(text);
    ReadAhead reader(in, "big.trace");
    Read out;
    try {
        for (std::vector<Line> lines; reader.next(lines);)
            for (const auto& line : lines) out.text += print(line) + "\n";
    } catch (const TextError& e) {
        out.error = e.what();
    }
    out.cut = reader.cut();
    return out;
}

TEST(ReadAhead, EveryLineComesOnceAndInOrder) {
    for (const unsigned n : {0U, 1U, 63U, 64U, 65U, 5000U}) {
        const auto got = read(steps(0, n));
        EXPECT_EQ(got.text, steps(0, n)) << n;
        EXPECT_FALSE(got.cut);
    }
}

TEST(ReadAhead, AMistakeComesBehindTheLinesInFrontOfIt) {
    const auto got = read(steps(0, 1000) + "@1 @2 slep 1ns => ok\n" + steps(1000, 2000));
    EXPECT_EQ(got.text, steps(0, 1000));
    EXPECT_THAT(got.error, HasSubstr("big.trace:1001:"));
}

TEST(ReadAhead, ATextMayBreakOffInsideALine) {
    const auto got = read(steps(0, 1000) + "@1 @2 sle");
    EXPECT_EQ(got.text, steps(0, 1000));
    EXPECT_TRUE(got.cut);
}

TEST(ReadAhead, WhoeverTakesNoMoreIsNotWaitedFor) {
    std::istringstream in(steps(0, 100000));
    ReadAhead reader(in, "big.trace");
    std::vector<Line> lines;
    ASSERT_TRUE(reader.next(lines));
    EXPECT_EQ(lines.front().number, 1U);
}

}  // namespace
}  // namespace landfall
