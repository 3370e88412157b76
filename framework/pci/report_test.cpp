#include "report.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace landfall {
namespace {

Machine bridge_machine() {
    Function port, bridge, device;
    port.bdf = {0, 0, 2, 0};
    port.vendor = 0x1b36;
    port.device = 0x000c;
    port.name = "QEMU PCIe Root port";
    port.driver = "pcieport";
    port.port = PortType::root_port;
    port.acs = Acs{0x5f, 0x1d};
    port.bridge = BusNumbers{0, 1, 2};
    port.group = 1;
    bridge.bdf = {0, 1, 0, 0};
    bridge.vendor = 0x1b36;
    bridge.device = 0x000e;
    bridge.name = "PCI bridge";
    bridge.port = PortType::pcie_to_pci;
    bridge.bridge = BusNumbers{1, 2, 2};
    bridge.group = 10;
    device.bdf = {0, 2, 1, 0};
    device.vendor = 0x1234;
    device.device = 0x11e8;
    device.name = "A device with quite a long name: Ger\xc3\xa4t, der Name wird gek\xc3\xbcrzt";
    device.group = 10;
    for (auto* f : {&port, &bridge, &device}) f->visible = Visible::full;
    return {{port, bridge, device}, {}};
}

TEST(TopologyText, ShowsTheTreeAndWhy) {
    EXPECT_EQ(topology_text(bridge_machine()),
              R"(FUNCTION                     ID         GROUP  DRIVER    ACS          NAME
0000:00
`- 00:02.0 [01-02]           1b36:000c  1      pcieport  SV RR CR UF  QEMU PCIe Root port
   `- 01:00.0 [02]           1b36:000e  10     -         none         PCI bridge
      `- 02:01.0 as 02:00.0  1234:11e8  10     -         -            A device with quite a long ...

Why functions share a group
  01:00.0 02:01.0
    02:01.0: DMA from behind the PCIe-to-PCI bridge 01:00.0 reaches the IOMMU under one requester
    id, 02:00.0.

The kernel's groups are the predicted ones.
)");
}

TEST(TopologyText, StaysWithin100Columns) {
    auto m = bridge_machine();
    m.functions[1].group = 11;  // a difference, so that there is one to print
    std::istringstream lines(topology_text(m));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

TEST(TopologyText, WithoutKernelGroupsShowsThePredictedOnes) {
    auto m = bridge_machine();
    for (auto& f : m.functions) f.group.reset();
    const auto text = topology_text(m);
    EXPECT_THAT(text, testing::HasSubstr("1b36:000e  ~1 "));
    EXPECT_THAT(text, testing::HasSubstr("No iommu_group is known"));
}

TEST(TopologyText, DoesNotCallUnreadableAcsAbsent) {
    auto m = bridge_machine();
    m.functions[0].visible = Visible::header;
    m.functions[0].acs.reset();
    m.functions[0].port.reset();
    const auto text = topology_text(m);
    EXPECT_THAT(text, testing::HasSubstr("pcieport  ? "));
    EXPECT_THAT(text, testing::HasSubstr("The config space of 1 of 3 functions could not be read in full"));
    EXPECT_THAT(text, testing::HasSubstr("Assumed: 01:00.0: DMA may turn around"));
}

TEST(TopologyJson, HoldsFunctionsGroupsAndDifferences) {
    const auto j = nlohmann::json::parse(topology_json(bridge_machine()));
    EXPECT_EQ(j["functions"][2]["bdf"], "0000:02:01.0");
    EXPECT_EQ(j["functions"][2]["requester_id"], "0000:02:00.0");
    EXPECT_EQ(j["functions"][2]["above"], "0000:01:00.0");
    EXPECT_EQ(j["functions"][0]["acs"]["control"], 0x1d);
    EXPECT_TRUE(j["functions"][2]["acs"].is_null());
    EXPECT_EQ(j["predicted_groups"][1]["members"], nlohmann::json({"0000:01:00.0", "0000:02:01.0"}));
    EXPECT_TRUE(j["differences"].empty());
}

}  // namespace
}  // namespace landfall
