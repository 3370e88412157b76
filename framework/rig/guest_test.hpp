// What tests with real guests share. Where there is no QEMU or no kernel they are skipped, unless LANDFALL_REQUIRE_RIG=1.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "os/deadline.hpp"
#include "os/files.hpp"
#include "rig/environment_test.hpp"
#include "rig/kernel_definition.hpp"
#include "rig/kernel_store.hpp"
#include "rig/paths.hpp"
#include "rig/qemu_rig.hpp"

namespace landfall {

/// Why no guest can be started here; empty if one can. LANDFALL_TEST_KERNEL names a kernel in place of the
/// rigs' own.
inline std::string lacking() {
    if (find_program("qemu-system-x86_64").empty()) return "no qemu-system-x86_64";
    try {
        std::ignore = landfall_program();
    } catch (const LabError& e) {
        return e.what();
    }
    if (std::getenv("LANDFALL_TEST_KERNEL") == nullptr &&
        !cached_kernel(load_kernel_definition(load_rig("edu-pair-vtd").kernel))) {
        return "the kernel of edu-pair-vtd is not built";
    }
    return {};
}

inline RigOptions test_options() {
    RigOptions options;
    if (const char* kernel = std::getenv("LANDFALL_TEST_KERNEL"); kernel != nullptr) options.kernel = kernel;
    return options;
}

/// Snapshots are the test's own: it begins with none.
class GuestTest : public testing::Test {
  protected:
    void SetUp() override {
        const std::string missing = lacking();
        if (missing.empty()) return;
        const char* required = std::getenv("LANDFALL_REQUIRE_RIG");
        if (required != nullptr && std::string(required) == "1") FAIL() << missing;
        GTEST_SKIP() << missing;
    }
    ~GuestTest() override { std::filesystem::remove_all(snapshots_); }

    std::filesystem::path snapshots_ =
        std::filesystem::path(testing::TempDir()) / ("snapshots-test-" + std::to_string(getpid()));

  private:
    ScopedVariable variable_{"LANDFALL_SNAPSHOTS", snapshots_.string()};
};

/// Processes of the machines that process `owner` started, running or not yet waited for.
inline std::vector<pid_t> machines_of(pid_t owner) {
    std::vector<pid_t> out;
    const std::string marker = "landfall-" + std::to_string(owner) + "-";
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        if (read_file(entry.path() / "cmdline").find(marker) != std::string::npos)
            out.push_back(std::stoi(name));
    }
    return out;
}

inline bool comes_true(const std::function<bool()>& condition) {
    for (const Deadline deadline(std::chrono::seconds(30)); !condition();
         std::this_thread::sleep_for(std::chrono::milliseconds(10))) {
        if (deadline.passed()) return false;
    }
    return true;
}

}  // namespace landfall
