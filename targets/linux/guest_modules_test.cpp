#include "linux/guest_modules.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace landfall {
namespace {

TEST(GuestModules, TakeTheirParametersFromTheCommandLine) {
    constexpr auto kLine = "quiet vfio_iommu_type1.allow_unsafe_interrupts=1 iommufd.x=2 vfio-pci.ids=1:2 vfio_pci.a";
    EXPECT_EQ(module_parameters("vfio_iommu_type1", kLine), "allow_unsafe_interrupts=1");
    EXPECT_EQ(module_parameters("vfio_pci", kLine), "ids=1:2 a");
    EXPECT_EQ(module_parameters("vfio", kLine), "");
    EXPECT_EQ(module_parameters("quiet", kLine), "");
}

TEST(GuestModules, WhatCannotBeLoadedIsNamed) {
    const auto folder = std::filesystem::path(testing::TempDir()) / ("modules-test-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "01-b.ko") << "no module";
    std::ofstream(folder / "00-a.ko") << "no module";
    const auto told = load_modules(folder, "");
    std::filesystem::remove_all(folder);
    EXPECT_THAT(told, testing::ElementsAre(testing::HasSubstr("00-a.ko: "), testing::HasSubstr("01-b.ko: ")));
    EXPECT_THAT(load_modules(folder, ""), testing::IsEmpty()) << "there is no such folder";
}

}  // namespace
}  // namespace landfall
