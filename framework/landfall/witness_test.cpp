#include "landfall/witness.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>

#include "source_dir.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

const fs::path kFailing = fs::path(LANDFALL_SOURCE_DIR) / "fixtures/traces/fail";

std::vector<std::string> failing() {
    std::vector<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(kFailing))
        if (entry.path().extension() == ".trace")
            out.push_back(fs::relative(entry.path(), kFailing).string());
    std::ranges::sort(out);
    return out;
}

// Traces in a subfolder are judged by the model it is named after.
CheckOptions options_for(const std::string& name) {
    CheckOptions options;
    if (const auto model = fs::path(name).parent_path(); !model.empty()) options.model = model.string();
    return options;
}

// The text of a witness, with `end` put right and one line left out.
std::string text_without(const Trace& witness, std::size_t left_out) {
    std::string out;
    std::size_t steps = 0;
    for (std::size_t i = 0; i < witness.lines.size(); ++i) {
        if (i == left_out) continue;
        auto line = witness.lines[i];
        if (line.step() != nullptr) ++steps;
        if (line.fact() != nullptr && std::holds_alternative<EndFact>(*line.fact()))
            line.body = Fact{EndFact{steps}};
        out += print(line) + '\n';
    }
    return out;
}

bool is_scenario(const std::string& text) {
    try {
        static_cast<void>(Scenario::parse(text));
        return true;
    } catch (const TextError&) {
        return false;
    }
}

// Numbers of lines differ.
std::string gist(const std::string& summary) {
    static const std::regex lines("[0-9]+(, [0-9]+)*");
    return std::regex_replace(summary, lines, "#");
}

bool shows(const Verdict& verdict, const Violation& wanted) {
    return std::ranges::any_of(verdict.violations, [&](const Violation& v) {
        return v.rule == wanted.rule && v.device == wanted.device && v.iova == wanted.iova &&
               v.page == wanted.page && gist(v.summary) == gist(wanted.summary);
    });
}

std::string name_of(const testing::TestParamInfo<std::string>& trace) {
    auto name = fs::path(trace.param).replace_extension().string();
    std::ranges::replace_if(
        name, [](char c) { return c == '-' || c == '/'; }, '_');
    return name;
}

class Witness : public testing::TestWithParam<std::string> {};

TEST_P(Witness, ProvesTheViolationWithNoLineToSpare) {
    const auto options = options_for(GetParam());
    const auto trace = Trace::read(kFailing / GetParam());
    const auto verdict = check(trace, options);
    ASSERT_FALSE(verdict.violations.empty());
    for (const auto& v : verdict.violations) {
        const auto small = witness(trace, v, options);
        const auto text = small.print();
        EXPECT_TRUE(is_scenario(text)) << text;
        const auto again = check(Trace::parse(text), options);
        EXPECT_TRUE(shows(again, v)) << text;
        EXPECT_THAT(again.reason, IsEmpty()) << text;
        EXPECT_LT(small.lines.size(), trace.lines.size());
        for (std::size_t i = 0; i + 1 < small.lines.size(); ++i) {
            const auto less = text_without(small, i);
            if (!is_scenario(less)) continue;
            const auto rest = check(Trace::parse(less), options);
            EXPECT_TRUE(!shows(rest, v) || !rest.reason.empty() ||
                        rest.violations.size() > again.violations.size())
                << "line " << i << " of this may go:\n"
                << text;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Traces, Witness, testing::ValuesIn(failing()), name_of);

constexpr const char* kStart =
    "device a 0000:00:08.0 1234:11e8 group 2 engine edu\n"
    "device b 0000:00:08.1 1234:11e8 group 2 engine edu\n"
    "device c 0000:00:09.0 1234:11e8 group 3 engine edu\n"
    "@1 @2 buffer p1 4K => ok\n"
    "@3 @4 buffer p2 4K => ok\n"
    "@5 @6 ioas one => ok\n"
    "@7 @8 ioas two => ok\n"
    "@9 @10 map one 0x200000 p1 rw => ok\n"
    "@11 @12 attach a one => ok\n";

TEST(WitnessOf, ALongTraceIsShort) {
    std::string lines = kStart;
    std::uint64_t t = 20;
    const auto step = [&](const std::string& text) {
        lines += fmt::format("@{} @{} {}\n", t, t + 5, text);
        t += 10;
    };
    step("attach c two => ok");
    for (unsigned i = 0; i < 5000; ++i) {
        step("map two 0x300000 p2 rw => ok");
        step("dma c write 0x300000+4K => done lands p2");
        step("unmap two 0x300000+4K => ok 0x1000");
        step("dma b write 0x200000+4K => done lands p1");
    }
    step("unmap one 0x200000+4K => ok 0x1000");
    step("dma b write 0x200000+4K => done lands p1");
    lines += fmt::format("end {}\n", 6 + 1 + 20000 + 2);
    const auto trace = Trace::parse(lines);
    const auto verdict = check(trace);
    ASSERT_EQ(verdict.violations.size(), 1U);
    const auto small = witness(trace, verdict.violations[0]);
    // Two devices, buffer, IOAS, map, attach, unmap, DMA, end.
    EXPECT_THAT(proven(trace, verdict.violations[0]).witness,
                ElementsAre(1, 2, 4, 6, 8, 9, 20011, 20012, 20013));
    EXPECT_EQ(small.lines.size(), 9U) << small.print();
}

TEST(WitnessOf, ATraceThatBreaksOffHasOneToo) {
    const auto trace =
        Trace::parse(std::string(kStart) + "@20 @30 dma b write 0x200000+4K => done lands p2\n");
    const auto verdict = check(trace);
    ASSERT_EQ(verdict.violations.size(), 1U);
    const auto small = witness(trace, verdict.violations[0]);
    EXPECT_THAT(check(small).violations, testing::SizeIs(1));
}

TEST(WitnessOf, WhatStandsBehindTheEndHasNoPartInIt) {
    const auto trace = Trace::parse(
        "@20 @30 ! dma b write 0x200000+4K => done lands p1\n"
        "device b 0000:00:08.1 1234:11e8 group 2 engine edu\n"
        "@1 @2 buffer p1 4K => ok\n"
        "@3 @4 ioas one => ok\n"
        "end 2\n"
        "@5 @6 map one 0x200000 p1 rw => ok\n"
        "@7 @8 attach b one => ok\n"
        "end 4\n");
    const auto verdict = check(trace);
    ASSERT_EQ(verdict.violations.size(), 1U);
    EXPECT_THAT(check(witness(trace, verdict.violations[0])).violations, testing::SizeIs(1));
}

TEST(WitnessOf, WhatIsKnownStaysKnown) {
    CheckOptions options;
    options.known = {{{"landing"}, KernelRelease{6, 12}, std::nullopt, {}, false, "K1", "text"}};
    const auto trace = Trace::parse("kernel \"7.3.4\"\n" + std::string(kStart) +
                                    "@20 @30 dma b write 0x200000+4K => done lands p2\nend 7\n");
    const auto verdict = check(trace, options);
    ASSERT_EQ(verdict.violations.size(), 1U);
    const auto again = check(witness(trace, verdict.violations[0], options), options);
    ASSERT_EQ(again.violations.size(), 1U);
    EXPECT_EQ(again.violations[0].known, "K1");
}

}  // namespace
}  // namespace landfall
