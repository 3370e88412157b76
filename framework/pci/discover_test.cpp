#include "discover.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "facts.hpp"
#include "landfall/error.hpp"
#include "report.hpp"
#include "source_dir.hpp"
#include "topology.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Linux 6.12 on QEMU 10.0's q35 with intel-iommu: pairs of one slot, PCIe-to-PCI and legacy bridges, root
// ports with and without ACS, a switch; with the groups and drivers the kernel showed.
const std::string kMixed = std::string(LANDFALL_SOURCE_DIR) + "/fixtures/reports/q35-mixed.lspci";

const Function& at(const Machine& machine, const char* bdf) {
    const auto* f = machine.find(Bdf::parse(bdf).value());
    if (f == nullptr) throw std::out_of_range(bdf);
    return *f;
}

class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        auto name = (fs::temp_directory_path() / "landfall-pci-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path_ = name;
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() { fs::remove_all(path_); }
    [[nodiscard]] const fs::path& path() const { return path_; }
    void write(const fs::path& file, const std::string& content) const {
        fs::create_directories((path_ / file).parent_path());
        std::ofstream(path_ / file, std::ios::binary) << content;
    }

  private:
    fs::path path_;
};

/// Config space of a conventional device with no capabilities, ids 1234:11e8.
std::string edu_config() {
    std::string bytes(256, '\0');
    bytes.replace(0, 4, "\x34\x12\xe8\x11", 4);
    return bytes;
}

/// A sysfs with two functions of one slot in group 7, as far as discovery looks at it.
void make_sysfs(const TemporaryDirectory& dir) {
    for (const std::string bdf : {"0000:00:08.0", "0000:00:08.1"}) {
        const auto device = fs::path("bus/pci/devices") / bdf;
        dir.write(device / "config", edu_config());
        dir.write(device / "vendor", "0x1234\n");
        dir.write(device / "device", "0x11e8\n");
        dir.write(device / "class", "0x00ff00\n");
        dir.write(device / "irq", "0\n");
        dir.write(device / "resource", "0x00000000fea00000 0x00000000feafffff 0x0000000000040200\n");
        fs::create_directories(dir.path() / "kernel/iommu_groups/7");
        fs::create_directories(dir.path() / "bus/pci/drivers/vfio-pci");
        fs::create_symlink("../../../../kernel/iommu_groups/7", dir.path() / device / "iommu_group");
        fs::create_symlink("../../../../bus/pci/drivers/vfio-pci", dir.path() / device / "driver");
    }
    dir.write("kernel/iommu_groups/7/reserved_regions",
              "0x0000000000000000 0x0000000000ffffff direct-relaxable\n"
              "0x00000000000e0000 0x00000000000fffff direct\n"
              "0x00000000fee00000 0x00000000feefffff msi\n");
}

TEST(Discover, DecodesARealReport) {
    const auto m = discover(Source::at(kMixed));
    ASSERT_EQ(m.functions.size(), 24U);
    const auto& port = at(m, "00:02.0");
    EXPECT_EQ(port.vendor, 0x1b36);
    EXPECT_EQ(port.device, 0x000c);
    EXPECT_EQ(port.device_class, 0x0604);
    EXPECT_EQ(port.port, PortType::root_port);
    EXPECT_EQ(port.acs, (Acs{0x5f, 0x1d}));
    EXPECT_EQ(port.bridge, (BusNumbers{0, 1, 2}));
    EXPECT_EQ(port.driver, "pcieport");
    EXPECT_EQ(port.group, 1U);
    EXPECT_THAT(port.capabilities, testing::Contains(Capability{0x000d, 0x148, true}));
    EXPECT_TRUE(at(m, "00:08.0").multifunction);
    EXPECT_TRUE(at(m, "00:08.1").multifunction);
    EXPECT_FALSE(at(m, "00:08.1").port);
    EXPECT_EQ(at(m, "00:08.1").visible, Visible::full);
    EXPECT_EQ(at(m, "01:00.0").port, PortType::pcie_to_pci);
}

TEST(Discover, PredictsEveryGroupTheKernelMade) {
    const auto m = discover(Source::at(kMixed));
    const Topology topology(m);
    const auto predicted = predict_groups(topology);
    EXPECT_THAT(differences(topology, predicted), IsEmpty());
    EXPECT_EQ(predicted.size(), 15U);
    EXPECT_TRUE(std::ranges::all_of(predicted, &PredictedGroup::certain));
    EXPECT_THAT(topology_text(m), HasSubstr("The kernel's groups are the predicted ones."));
}

TEST(Discover, ReadsSysfs) {
    const TemporaryDirectory dir;
    make_sysfs(dir);
    const auto m = discover(Source::at(dir.path()));
    ASSERT_EQ(m.functions.size(), 2U);
    const auto& f = m.functions[1];
    EXPECT_EQ(f.bdf, Bdf::parse("00:08.1"));
    EXPECT_EQ(f.driver, "vfio-pci");
    EXPECT_EQ(f.group, 7U);
    EXPECT_EQ(f.visible, Visible::full);
    EXPECT_EQ(f.bar_sizes[0], 0x100000U);
    EXPECT_THAT(m.reserved.at(7),
                ElementsAre(IovaRange{{0xe0000}, 0x20000}, IovaRange{{0xfee00000}, 0x100000}));
}

TEST(Discover, KnowsAVirtualFunctionByItsMissingIds) {
    const TemporaryDirectory dir;
    make_sysfs(dir);
    dir.write("bus/pci/devices/0000:00:08.1/config", "\xff\xff\xff\xff" + edu_config().substr(4));
    const auto m = discover(Source::at(dir.path()));
    EXPECT_EQ(m.functions[1].vendor, 0x1234);
    EXPECT_FALSE(m.functions[1].multifunction);
}

TEST(Discover, SaysHowMuchItCouldSee) {
    const auto visible = [](std::string config, std::size_t size) {
        const TemporaryDirectory dir;
        make_sysfs(dir);
        config.resize(size);
        dir.write("bus/pci/devices/0000:00:08.0/config", config);
        return discover(Source::at(dir.path())).functions[0].visible;
    };
    auto express = edu_config();
    express[6] = 0x10;     // status: there are capabilities
    express[0x34] = 0x40;  // the first of them
    express[0x40] = 0x10;  // PCI Express
    EXPECT_EQ(visible(edu_config(), 0), Visible::nothing);
    EXPECT_EQ(visible(edu_config(), 64), Visible::full);  // no capabilities: the header is all
    EXPECT_EQ(visible(express, 64), Visible::header);
    EXPECT_EQ(visible(express, 256), Visible::full);  // the kernel itself reaches no further
    EXPECT_EQ(visible(express, 4096), Visible::full);

    const TemporaryDirectory proc;
    proc.write("devices", "0040 123411e8 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
    proc.write("00/08.0", express);
    EXPECT_EQ(discover(Source::at(proc.path())).functions.at(0).visible, Visible::standard);
    proc.write("00/08.0", express.substr(0, 64));
    EXPECT_EQ(discover(Source::at(proc.path())).functions.at(0).visible, Visible::header);
}

TEST(Discover, WhatLibpciCannotTakeIsAnErrorNotAnExit) {
    const TemporaryDirectory dir;
    dir.write("bus/pci/devices/0000:00:08.0/config", edu_config());  // and none of the other files
    EXPECT_THROW((void)discover(Source::at(dir.path())), LabError);
    EXPECT_THROW((void)discover({Source::Kind::sysfs, "/nowhere"}), LabError);
    EXPECT_THROW((void)discover({Source::Kind::proc, "/nowhere"}), LabError);
    EXPECT_THROW((void)Source::at(dir.path() / "bus"), TextError);
    EXPECT_THROW((void)discover(Source::at("/nowhere")), TextError);
}

TEST(Facts, NamedDevicesThenTheRestOfTheirGroupsThenWhatIsReserved) {
    auto m = discover(Source::at(kMixed));
    m.reserved[10] = {{{0xfee00000}, 0x100000}};
    m.reserved[5] = {{{0x1000}, 0x1000}};
    const auto facts = device_facts(m, {{"b", Bdf::parse("02:02.0").value()}}, [](const Function& f) {
        return f.device == 0x11e8 ? std::string("edu") : std::string("-");
    });
    std::vector<std::string> lines;
    for (const auto& fact : facts) lines.push_back(print(fact));
    EXPECT_THAT(lines, ElementsAre("device b 0000:02:02.0 1234:11e8 group 10 engine edu alias 0000:02:00.0",
                                   "device - 0000:01:00.0 1b36:000e group 10 engine -",
                                   "device - 0000:02:01.0 1234:11e8 group 10 engine edu alias 0000:02:00.0",
                                   "reserved 10 0xfee00000+1M"));
}

TEST(Facts, ADeviceMustBeThereAndInAGroup) {
    auto m = discover(Source::at(kMixed));
    const auto none = [](const auto&) { return std::string("-"); };
    EXPECT_THROW((void)device_facts(m, {{"a", Bdf::parse("00:11.0").value()}}, none), LabError);
    m.functions[0].group.reset();
    EXPECT_THROW((void)device_facts(m, {{"a", m.functions[0].bdf}}, none), LabError);
}

}  // namespace
}  // namespace landfall
