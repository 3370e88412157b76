#include "linux/contained_engine.hpp"

#include <gtest/gtest.h>

#include <string>

namespace landfall {
namespace {

// Writes down what is asked of it.
class Log final : public Engine {
  public:
    explicit Log(std::string& said) : said_(said) { said_ += "made "; }
    Limits limits() const override { return {8, 64, 4, 4, Iova{0xffff}, std::chrono::milliseconds(7)}; }
    bool reset() override {
        said_ += "reset ";
        return true;
    }
    void start(const CopyRequest&) override { said_ += "start "; }
    Arrival wait(std::chrono::milliseconds) override {
        said_ += "wait ";
        return Landing::Status::done;
    }

  private:
    std::string& said_;
};

class ContainedEngineTest : public testing::Test {
  protected:
    Landing::Status copy() {
        engine.start({});
        return engine.wait(std::chrono::milliseconds(1)).status;
    }
    std::string said;
    Presence presence;
    ContainedEngine engine{presence, [this] { return std::make_unique<Log>(said); }};
};

TEST_F(ContainedEngineTest, TouchesNothingWhileTheDeviceIsAway) {
    EXPECT_FALSE(engine.reset());
    EXPECT_EQ(copy(), Landing::Status::timeout);
    EXPECT_EQ(said, "");
    EXPECT_GE(engine.limits().max_length, 1U << 20) << "so that no DMA is refused, but lost";
}

TEST_F(ContainedEngineTest, IsBroughtUpWhenItIsThere) {
    presence.begin();
    ASSERT_TRUE(engine.reset());
    EXPECT_EQ(copy(), Landing::Status::done);
    EXPECT_EQ(said, "made reset start wait ");
    EXPECT_EQ(engine.limits().max_length, 64U);
    EXPECT_EQ(engine.limits().in_flight, 1U);
}

TEST_F(ContainedEngineTest, IsBroughtUpAgainWhenItIsBack) {
    presence.begin();
    ASSERT_TRUE(engine.reset());
    presence.end();
    EXPECT_EQ(copy(), Landing::Status::timeout);
    presence.begin();
    said.clear();
    EXPECT_EQ(copy(), Landing::Status::done);
    EXPECT_EQ(said, "reset start wait ");
}

TEST_F(ContainedEngineTest, WaitsForACopyThatWasUnderWay) {
    presence.begin();
    ASSERT_TRUE(engine.reset());
    engine.start({});
    presence.end();
    said.clear();
    EXPECT_EQ(engine.wait(std::chrono::milliseconds(1)), Landing::Status::done);
    EXPECT_EQ(said, "wait ");
}

}  // namespace
}  // namespace landfall
