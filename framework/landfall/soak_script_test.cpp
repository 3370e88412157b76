#include "landfall/soak_script.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "landfall/scenario.hpp"

namespace landfall {
namespace {

const SoakShape kShape{{{"a", "b"}, {"c"}}};

std::string text(std::uint64_t seed, unsigned moves) {
    SoakScript script(kShape, seed);
    std::string out;
    const auto add = [&](const std::vector<Line>& lines) {
        for (const auto& line : lines) out += print(line) + "\n";
    };
    add(script.begin());
    for (unsigned n = 0; n < moves; ++n) add(script.next());
    add(script.end());
    return out;
}

std::size_t count(const std::string& text, const std::string& word) {
    std::size_t n = 0;
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
    return n;
}

TEST(SoakScript, AsksAboutTheWindowTheRigHas) {
    SoakScript script({{{"a", "b"}}, 1024, Iova{0x8000000}}, 1);
    std::string all;
    const auto add = [&](const std::vector<Line>& lines) {
        for (const auto& line : lines) all += print(line) + "\n";
    };
    add(script.begin());
    for (unsigned n = 0; n < 200; ++n) add(script.next());
    EXPECT_GT(count(all, " 0x8000000 "), 1U);
    EXPECT_EQ(count(all, "0xfee00000"), 0U);
}

// Names are declared once and before they are used, no device pumps twice, all are halted: the parser sees to it.
TEST(SoakScript, IsAScenario) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const auto s = Scenario::parse(text(seed, 100), "soak");
        EXPECT_GT(s.lines.size(), 150U);
    }
}

TEST(SoakScript, OneSeedIsOneScript) {
    EXPECT_EQ(text(7, 200), text(7, 200));
    EXPECT_NE(text(7, 200), text(8, 200));
}

TEST(SoakScript, EveryDeviceIsMovedAndPumpsAgain) {
    const auto t = text(1, 2000);
    for (const auto* device : {"a", "b", "c"}) {
        EXPECT_GT(count(t, std::string("replace ") + device), 50U) << device;
        EXPECT_GT(count(t, std::string("pump ") + device), 5U) << device;
    }
    EXPECT_GT(count(t, "unmap g1"), 50U);
    EXPECT_GT(count(t, "pump a read"), 5U);
}

// What a soak has to do to meet the bugs planted in fixtures/kernels/mutants.
TEST(SoakScript, DoesAllThatMayGoWrong) {
    const auto t = text(1, 2000);
    for (const auto* words : {"replace a hwall", "replace b hg0y", "replace c hg0", "destroy h", "detach b\n", "attach b ", "destroy g", "unmap g0x 0x800000+4K", "map g1y 0x801000 ", "hwpt hg1x5", " brick rw\n",
                              "ioas-copy g0x", "option g1y huge-pages off", "a w\n", "b rw\n", "+8K by 1K deep 4\n",
                              // above 4 GiB and across 1 GiB, wider than what is mapped, over the edge of the window
                              " 0x201031000", " write 0x4fffff000+", "unmap g0x 0x1000000+12K", " 0xfedff000 ledge rw\n",
                              // copies that fail in their second page
                              " g0y 0x803000+8K rw\n", "ioas-copy g0x 0x7ff000 g0y 0x800000+8K rw\n", "quarry 0x600000+8K", "quarry 0x610000+12K",
                              // visits and leaves
                              "allow visit0 ", "replace a visit", "replace b visit", " auto ledge rw\n", "ranges visit0\n", "destroy visit0\n",
                              "halt a\nhalt b\ndetach a\ndetach b\n", "ranges g"})
        EXPECT_GT(count(t, words), 0U) << words;
}

// Some kernels let be read what may only be written, which is a finding of its own.
TEST(SoakScript, NobodyReadsWhatMayOnlyBeWritten) {
    const auto t = text(1, 2000);
    std::set<std::string> places, read;
    std::istringstream lines(t);
    for (std::string line; std::getline(lines, line);) {
        std::smatch m;
        if (std::regex_match(line, m, std::regex("map g.. (0x[0-9a-f]{4})[0-9a-f]+ .* w"))) places.insert(m[1]);
        if (std::regex_match(line, m, std::regex("pump . read (0x[0-9a-f]{4})[0-9a-f]+.*"))) read.insert(m[1]);
    }
    EXPECT_EQ(places.size(), 3U);
    for (const auto& place : places) EXPECT_FALSE(read.contains(place)) << place;
}

TEST(SoakScript, NoDmaIsLongerThanItsShapeAllows) {
    SoakScript script({{{"a"}}, 512}, 3);
    for (unsigned n = 0; n < 500; ++n)
        for (const auto& line : script.next())
            if (const auto* pump = std::get_if<Pump>(line.step())) {
                EXPECT_EQ(pump->piece(0).range.length, 512U);
            }
}

}  // namespace
}  // namespace landfall
