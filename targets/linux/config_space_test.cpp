#include "linux/config_space.hpp"

#include <gmock/gmock.h>
#include <linux/pci_regs.h>
#include <unistd.h>

#include <filesystem>

#include "os/files.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class ConfigSpacesTest : public testing::Test {
  protected:
    ConfigSpacesTest() {
        for (const char* name : {"0000:00:08.0", "0000:00:08.1"}) {
            fs::create_directories(dir_ / name);
            write_file(dir_ / name / "config", header());
        }
    }
    ~ConfigSpacesTest() override { fs::remove_all(dir_); }

    static std::string header() {
        std::string out(256, '\x11');
        out[PCI_COMMAND] = 6;
        out[PCI_STATUS] = 0;
        out[PCI_BASE_ADDRESS_0 + 3] = '\xfe';
        return out;
    }
    [[nodiscard]] std::string config(const char* name) const { return read_file(dir_ / name / "config"); }

    fs::path dir_ = fs::path(testing::TempDir()) / ("config-space-test-" + std::to_string(getpid()));
};

TEST_F(ConfigSpacesTest, WhatAFunctionForgotIsWrittenBack) {
    const ConfigSpaces before(dir_);
    auto forgot = header();
    forgot[PCI_COMMAND] = 0;
    for (int i = 0; i < 4; ++i) forgot[static_cast<std::size_t>(PCI_BASE_ADDRESS_0 + i)] = 0;
    write_file(dir_ / "0000:00:08.1" / "config", forgot);
    EXPECT_THAT(before.restore(), IsEmpty());
    EXPECT_EQ(config("0000:00:08.0"), header());
    EXPECT_EQ(config("0000:00:08.1"), header());
}

TEST_F(ConfigSpacesTest, WhatHappenedSinceStays) {
    const ConfigSpaces before(dir_);
    auto changed = header();
    changed[PCI_STATUS + 1] = '\x20';
    changed[PCI_INTERRUPT_LINE] = 3;
    write_file(dir_ / "0000:00:08.0" / "config", changed);
    EXPECT_THAT(before.restore(), IsEmpty());
    changed[PCI_INTERRUPT_LINE] = '\x11';
    EXPECT_EQ(config("0000:00:08.0"), changed);
}

TEST_F(ConfigSpacesTest, AFunctionThatIsAnotherOneIsNamed) {
    const ConfigSpaces before(dir_);
    auto another = header();
    another[PCI_VENDOR_ID] = '\x22';  // no setting
    write_file(dir_ / "0000:00:08.1" / "config", another);
    EXPECT_THAT(before.restore(), ElementsAre("0000:00:08.1"));
}

}  // namespace
}  // namespace landfall
