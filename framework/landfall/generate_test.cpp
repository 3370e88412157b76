// Whatever the choices, what comes out is a scenario.
#include <gtest/gtest.h>

#include <set>

#include "landfall/generate.hpp"
#include "landfall/validate.hpp"

namespace landfall {
namespace {

// Always the same answer, as the end of a used-up fuzzer input gives it.
class Constant final : public Choices {
  public:
    explicit Constant(bool largest) : largest_(largest) {}
    [[nodiscard]] std::uint64_t below(std::uint64_t n) override { return largest_ ? n - 1 : 0; }

  private:
    bool largest_;
};

void expect_scenario(const Scenario& scenario) {
    const auto text = scenario.print();
    const auto back = Scenario::parse(text, "<generated>");
    ASSERT_EQ(back.lines, scenario.lines) << text;
    ASSERT_EQ(back.print(), text);
}

TEST(Generate, TenThousandSeedsGiveScenariosWithEveryVerb) {
    std::set<std::size_t> verbs;
    std::size_t lanes = 0, steps = 0;
    for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
        Random random(seed);
        const auto scenario = generate(random);
        SCOPED_TRACE(seed);
        ASSERT_NO_FATAL_FAILURE(expect_scenario(scenario));
        for (const auto& line : scenario.lines) {
            verbs.insert(line.step()->index());
            lanes += line.lane != 0 ? 1 : 0;
        }
        steps += scenario.lines.size();
    }
    EXPECT_EQ(verbs.size(), std::variant_size_v<Step>);
    EXPECT_GT(lanes, 10'000U);
    EXPECT_GT(steps, 200'000U);
}

TEST(Generate, IsAFunctionOfTheChoices) {
    Random one(42), two(42), three(43);
    const auto first = generate(one);
    EXPECT_EQ(first.lines, generate(two).lines);
    EXPECT_NE(first.lines, generate(three).lines);
}

TEST(Generate, TheSmallestChoicesGiveSomethingSmallAndTheLargestEnd) {
    Constant smallest(false), largest(true);
    const auto small = generate(smallest);
    expect_scenario(small);
    EXPECT_LT(small.lines.size(), 25U) << small.print();
    expect_scenario(generate(largest));
}

TEST(Generate, LeavesOutWhatTheRigLacks) {
    GenerateOptions options{{{"x"}, {"y", "z"}}, {}, 60, false, false};
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        Random random(seed);
        const auto scenario = generate(random, options);
        ASSERT_NO_FATAL_FAILURE(expect_scenario(scenario));
        for (const auto& line : scenario.lines) {
            const auto& step = *line.step();
            EXPECT_EQ(line.lane, 0U);
            EXPECT_FALSE(std::holds_alternative<Start>(step) || std::holds_alternative<Pump>(step));
            const auto* m = std::get_if<Map>(&step);
            EXPECT_FALSE(m != nullptr && m->file);
            const auto* b = std::get_if<Buffer>(&step);
            EXPECT_FALSE(b != nullptr && b->huge);
            const auto* c = std::get_if<DeviceControl>(&step);
            EXPECT_FALSE(c != nullptr && c->verb == DeviceControl::Verb::reset);
        }
        for (const auto& name : scenario.devices()) EXPECT_TRUE(name == "x" || name == "y" || name == "z");
    }
}

TEST(Generate, AsksOfContainersWhatTheyCanBeAsked) {
    GenerateOptions options;
    options.features = {"reset", "type1"};
    std::size_t detaches = 0;
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        Random random(seed);
        const auto scenario = generate(random, options);
        ASSERT_NO_FATAL_FAILURE(expect_scenario(scenario));
        for (const auto& line : scenario.lines) {
            const auto& step = *line.step();
            EXPECT_FALSE(std::holds_alternative<Hwpt>(step) || std::holds_alternative<IoasCopy>(step) ||
                         std::holds_alternative<Allow>(step) || std::holds_alternative<Option>(step))
                << print(line);
            const auto* m = std::get_if<Map>(&step);
            EXPECT_FALSE(m != nullptr && (m->file || !m->iova)) << print(line);
            const auto* a = std::get_if<Attach>(&step);
            EXPECT_FALSE(a != nullptr && a->replace) << print(line);
            detaches += std::holds_alternative<Detach>(step) ? 1 : 0;
        }
    }
    EXPECT_GT(detaches, 500U) << "groups hardly leave the container they are in, so they stay there";
}

TEST(Generate, CopiesAloneWhereBytesCopiedOnWouldMislead) {
    GenerateOptions options;
    options.copies_beside = false;
    unsigned copies = 0;
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        Random random(seed);
        std::set<std::string> under_way;
        for (const auto& line : generate(random, options).lines) {
            const auto& step = *line.step();
            const auto* request = begun_by(step);
            if (request != nullptr && request->verb == DmaRequest::Verb::copy) {
                ++copies;
                EXPECT_EQ(line.lane, 0U);
                EXPECT_TRUE(std::holds_alternative<Dma>(step) && under_way.empty()) << print(line);
            }
            if (std::holds_alternative<Start>(step) || std::holds_alternative<Pump>(step))
                under_way.insert(driven_by(step));
            else if (std::holds_alternative<Wait>(step) || std::holds_alternative<Halt>(step))
                under_way.erase(driven_by(step));
        }
    }
    EXPECT_GT(copies, 200U);
}

}  // namespace
}  // namespace landfall
