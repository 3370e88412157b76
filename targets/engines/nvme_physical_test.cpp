// A primary controller and its virtual functions, played by the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engines/nvme_fake_test.hpp"
#include "landfall/error.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;

class NvmePhysicalTest : public testing::Test {
  protected:
    [[nodiscard]] std::unique_ptr<PhysicalFunction> make(unsigned count) {
        const auto reset = [this] {
            ++resets_;
            if (answer_.ok()) device_.reset_function();
            return answer_;
        };
        return make_nvme_physical({Registers(device_.bar), reset, "0000:01:00.0"}, count,
                                  {staging_->bytes, kStaging});
    }
    std::string refusal(unsigned count) {
        try {
            std::ignore = make(count);
        } catch (const LabError& e) {
            return e.what();
        }
        return "none";
    }
    [[nodiscard]] std::vector<int> online() const {
        std::vector<int> out;
        for (const auto& s : device_.secondaries)
            if (s.online) out.push_back(s.id);
        return out;
    }

    std::unique_ptr<StagingMemory> staging_ = std::make_unique<StagingMemory>();
    FakeController device_{staging_->bytes};
    Errno answer_{};
    int resets_ = 0;
};

TEST_F(NvmePhysicalTest, BringsThoseOnlineThatAreAskedFor) {
    const auto function = make(2);
    EXPECT_THAT(online(), ElementsAre(9, 4));  // of virtual functions 1 and 2
    EXPECT_THAT(device_.secondaries[1].assigned, ElementsAre(2, 1));
    EXPECT_TRUE(function->enable(0));
}

TEST_F(NvmePhysicalTest, TakesFromThePrimaryWhatTheyNeedAndNoMore) {
    std::ignore = make(2);
    EXPECT_THAT(device_.of_primary, ElementsAre(10, 5));
    EXPECT_EQ(resets_, 1);
    std::ignore = make(1);
    EXPECT_THAT(device_.of_primary, ElementsAre(10, 5));
    EXPECT_EQ(resets_, 1);
}

TEST_F(NvmePhysicalTest, SaysThatThereIsNotEnoughForAll) {
    device_.lendable = device_.of_primary = {3, 7};
    EXPECT_NE(refusal(2), "none");
    EXPECT_THAT(device_.of_primary, ElementsAre(3, 7));
    EXPECT_EQ(resets_, 0);
}

TEST_F(NvmePhysicalTest, SaysThatItHasNotSoMany) {
    EXPECT_EQ(refusal(4), "the physical function 0000:01:00.0 does not bring 4 virtual functions online");
    EXPECT_EQ(refusal(3), "none");
}

// What the primary controller has given up is free only after its reset.
TEST_F(NvmePhysicalTest, WithoutAResetThereIsNothingToGive) {
    answer_ = {ENOTTY};
    EXPECT_EQ(refusal(1), "the physical function 0000:01:00.0 does not bring 1 virtual functions online");
    EXPECT_THAT(online(), ElementsAre());
}

TEST_F(NvmePhysicalTest, OneThatIsOutOfReachOfItsQueuesIsNamed) {
    device_.rings_blocked = true;
    EXPECT_EQ(refusal(1), "the physical function 0000:01:00.0 does not bring 1 virtual functions online");
}

}  // namespace
}  // namespace landfall
