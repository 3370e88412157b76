#include "rig/accelerator.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "landfall/error.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

class AcceleratorTest : public testing::Test {
  protected:
    AcceleratorTest() {
        fs::create_directories(dir_);
        std::ofstream(qemu_) << "one";
        unsetenv("LANDFALL_ACCEL");
    }
    ~AcceleratorTest() override {
        unsetenv("LANDFALL_ACCEL");
        fs::remove_all(dir_);
    }
    AcceleratorChoice choice() { return {dir_, qemu_}; }

    fs::path dir_ = fs::path(testing::TempDir()) / ("accelerator-test-" + std::to_string(getpid()));
    fs::path qemu_ = dir_ / "qemu";
    Accelerator unknown_ = access("/dev/kvm", R_OK | W_OK) == 0 ? Accelerator::kvm : Accelerator::tcg;
};

TEST_F(AcceleratorTest, TriesKvmUntilAGuestRanWithoutIt) {
    EXPECT_EQ(choice().first(), unknown_);
    choice().works(Accelerator::tcg);
    EXPECT_EQ(choice().first(), Accelerator::tcg);
    EXPECT_FALSE(choice().may_fall_back());
}

TEST_F(AcceleratorTest, AsksAgainWhenQemuChanged) {
    choice().works(Accelerator::tcg);
    std::ofstream(qemu_) << "another";
    EXPECT_EQ(choice().first(), unknown_);
}

TEST_F(AcceleratorTest, ADamagedMemoryIsNone) {
    for (const char* text : {"", "kvm", "tcg ", "nonsense\n", "\xff\xff"}) {
        std::ofstream(dir_ / "accelerator") << text;
        EXPECT_EQ(choice().first(), unknown_);
    }
}

TEST_F(AcceleratorTest, TheUserHasTheLastWord) {
    setenv("LANDFALL_ACCEL", "kvm", 1);
    choice().works(Accelerator::tcg);
    EXPECT_EQ(choice().first(), Accelerator::kvm);
    EXPECT_FALSE(choice().may_fall_back());
    setenv("LANDFALL_ACCEL", "tcg", 1);
    EXPECT_EQ(choice().first(), Accelerator::tcg);
    setenv("LANDFALL_ACCEL", "fast", 1);
    EXPECT_THROW(choice(), LabError);
}

}  // namespace
}  // namespace landfall
