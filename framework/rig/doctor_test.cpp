#include "rig/doctor.hpp"

#include <gtest/gtest.h>

#include "rig/environment_test.hpp"

namespace landfall {
namespace {

TEST(Doctor, ReadsTheVersionOfQemu) {
    EXPECT_EQ(qemu_version("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright"), "10.0.2");
    EXPECT_EQ(qemu_version("QEMU emulator version 8.0\n"), "8.0");
    EXPECT_EQ(qemu_version("no such thing"), "");
}

TEST(Doctor, SaysWhatToDoWhenThereIsNothing) {
    const ScopedVariable path("PATH", "/nonexistent");
    const auto checks = examine_host();
    bool qemu = false;
    for (const HostCheck& check : checks) {
        if (check.state == HostCheck::State::lacking) {
            EXPECT_FALSE(check.fix.empty()) << check.subject;
        }
        qemu = qemu || (check.subject == "QEMU" && check.state == HostCheck::State::lacking);
    }
    EXPECT_TRUE(qemu);
}

}  // namespace
}  // namespace landfall
