#include "rig/rig_keeper.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "landfall/error.hpp"

namespace landfall {
namespace {

/// A simulated machine on which no more than `sessions` begin, as after a scenario that left a device bound.
class WornRig final : public Rig {
  public:
    WornRig(std::unique_ptr<Rig> rig, int sessions) : rig_(std::move(rig)), left_(sessions) {}
    const RigFile& file() const override { return rig_->file(); }
    std::string console() const override { return rig_->console(); }
    bool known_fit() const override { return true; }
    std::unique_ptr<Session> session(const std::vector<std::string>& devices) override {
        if (left_-- <= 0) throw LabError("device a: VFIO_DEVICE_BIND_IOMMUFD: EINVAL");
        return rig_->session(devices);
    }

  private:
    std::unique_ptr<Rig> rig_;
    int left_;
};

class WornRigTest : public testing::Test {
  protected:
    RigKeeper keeper(int sessions) {
        RigOptions options;
        options.log = [this](const std::string& text) { log_.push_back(text); };
        return {load_rig("sim"), options, [this, sessions](const RigFile& file, const RigOptions& o) {
                    ++started_;
                    return std::make_unique<WornRig>(start_rig(file, o), sessions);
                }};
    }
    /// The verdict, and what a listener was told.
    Verdict::Kind run(RigKeeper& keeper) {
        lines_.clear();
        RunOptions options;
        options.on_line = [this](const Line& line) { lines_.push_back(print(line)); };
        return keeper.run(scenario_, options).verdict.kind;
    }
    const Scenario scenario_ = Scenario::parse("buffer p 4K\nioas one\nmap one 0x200000 p rw\nattach a one\ndma a write 0x200000+64\n");
    int started_ = 0;
    std::vector<std::string> log_, lines_;
};

TEST_F(WornRigTest, AMachineOnWhichNoSessionBeginsAnyMoreIsLeftForAnother) {
    auto keeper = this->keeper(2);
    for (int n = 0; n < 2; ++n) EXPECT_EQ(run(keeper), Verdict::Kind::pass);
    EXPECT_EQ(started_, 1);
    EXPECT_EQ(run(keeper), Verdict::Kind::pass);
    EXPECT_EQ(started_, 2);
    ASSERT_FALSE(log_.empty());
    EXPECT_EQ(log_.back(), "device a: VFIO_DEVICE_BIND_IOMMUFD: EINVAL: no session begins on it any more; starting another");
    EXPECT_EQ(std::ranges::count(lines_, lines_.front()), 1) << "the trace begins once: " << lines_.front();
}

TEST_F(WornRigTest, OneOnWhichNoneEverBeganIsTheLabsFault) {
    auto keeper = this->keeper(0);
    EXPECT_THROW(run(keeper), LabError);
    EXPECT_EQ(started_, 1);
    EXPECT_TRUE(lines_.empty());
}

// Whether the finding is known makes no difference to the machine.
TEST_F(WornRigTest, AMachineInWhichSomethingWentWrongIsLeftForAnother) {
    auto keeper = this->keeper(1000);
    const auto wrong = Scenario::parse("buffer p 4K\nioas one => EINVAL\n");
    RunOptions options;
    for (unsigned n = 0; n < 3; ++n) EXPECT_EQ(keeper.run(wrong, options).verdict.kind, Verdict::Kind::violation);
    EXPECT_EQ(started_, 3);
    options.check.known = {{{"expectation"}, {}, {}, {}, false, "K1", "text"}};
    EXPECT_EQ(keeper.run(wrong, options).verdict.kind, Verdict::Kind::pass);
    EXPECT_EQ(started_, 4);
    for (unsigned n = 0; n < 3; ++n) EXPECT_EQ(run(keeper), Verdict::Kind::pass);
    EXPECT_EQ(started_, 5);
}

TEST(RigKeeper, StartsOneMachineForAll) {
    RigKeeper keeper(load_rig("sim"), {});
    auto& first = keeper.get();
    EXPECT_EQ(&keeper.get(), &first);
}

TEST(RigKeeper, HandsOutNoneThatIsNotFitHoweverOftenItIsAsked) {
    RigOptions options;
    options.faults = {"map-loses-read", "fault-not-reported"};  // as if the IOMMU were not there
    RigKeeper keeper(load_rig("sim"), options);
    for (int n = 0; n < 2; ++n) {
        try {
            (void)keeper.get();
            ADD_FAILURE();
        } catch (const LabError& e) {
            EXPECT_NE(std::string(e.what()).find("rig sim is not fit: a (0000:00:08.0) is not translated"), std::string::npos)
                << e.what();
        }
    }
}

}  // namespace
}  // namespace landfall
