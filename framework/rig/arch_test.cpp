#include "rig/arch.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "landfall/error.hpp"
#include "landfall/runner.hpp"
#include "rig/environment_test.hpp"
#include "rig/paths.hpp"
#include "rig/qemu_rig.hpp"

namespace landfall {
namespace {

TEST(Arch, IsFoundByName) {
    EXPECT_EQ(find_arch("x86_64"), &default_arch());
    EXPECT_EQ(find_arch("arm"), nullptr);
    for (const auto& label : arch_labels()) EXPECT_EQ(find_arch(label)->label, label);
}

// A DMA to the staging window that is not translated must meet no memory.
TEST(Arch, MemoryEndsBelowTheStagingWindow) {
    for (const auto& label : arch_labels()) {
        const Arch& arch = *find_arch(label);
        const std::uint64_t end = arch.ram_base + (std::uint64_t{arch.most_memory_mib} << 20);
        EXPECT_LT(end + (2U << 20), Runner::kStaging.start.value) << label << ": and what rig check probes is below it";
    }
}

// Whatever is missing of another architecture: one command brings it.
TEST(Arch, WhatIsMissingIsNamedWithItsCure) {
    const ScopedVariable cache("XDG_CACHE_HOME", std::filesystem::path(testing::TempDir()) / "arch-test-cache");
    for (const auto& label : arch_labels()) {
        const Arch& arch = *find_arch(label);
        if (is_native(arch)) continue;
        try {
            std::ignore = guest_program(arch);
            FAIL();
        } catch (const LabError& e) {
            EXPECT_THAT(e.what(), testing::HasSubstr(label));
            EXPECT_EQ(e.hint(), arch.cure != nullptr ? arch.cure : "");
        }
    }
    const ScopedVariable nothing("PATH", "/nonexistent");
    try {
        std::ignore = find_qemu(*find_arch("aarch64"));
        FAIL();
    } catch (const LabError& e) {
        EXPECT_EQ(e.hint(), "lab/aarch64");
    }
}

}  // namespace
}  // namespace landfall
