#include "topology.hpp"

#include <gmock/gmock.h>

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Acs kAllOn{0x5f, 0x1d}, kOff{0x5f, 0}, kHalfOn{0x1d, 0x05};

Function function(const char* bdf, std::optional<PortType> port) {
    Function f;
    f.bdf = Bdf::parse(bdf).value();
    f.vendor = 0x1234;
    f.port = port;
    f.visible = Visible::full;
    f.multifunction = f.bdf.function != 0;
    return f;
}

Function conventional(const char* bdf) { return function(bdf, std::nullopt); }
Function endpoint(const char* bdf) { return function(bdf, PortType::endpoint); }

Function port(PortType type, const char* bdf, std::uint8_t secondary, std::uint8_t subordinate,
              std::optional<Acs> acs = std::nullopt) {
    auto f = function(bdf, type);
    f.header_type = 1;
    f.bridge = BusNumbers{f.bdf.bus, secondary, subordinate};
    f.acs = acs;
    return f;
}

Function root_port(const char* bdf, std::uint8_t secondary, std::uint8_t subordinate,
                   std::optional<Acs> acs) {
    return port(PortType::root_port, bdf, secondary, subordinate, acs);
}

Function pci_bridge(const char* bdf, std::uint8_t secondary) {
    auto f = port(PortType::endpoint, bdf, secondary, secondary);
    f.port.reset();
    return f;
}

Function multifunction(Function f) {
    f.multifunction = true;
    return f;
}

Function seen(Function f, Visible visible) {
    f.visible = visible;
    f.port.reset();
    f.acs.reset();
    return f;
}

/// "00:02.0 01:00.0" a group.
std::vector<std::string> groups(const Machine& machine) {
    std::vector<std::string> out;
    for (const auto& group : predict_groups(Topology(machine))) {
        std::string members;
        for (const auto f : group.members)
            members += (members.empty() ? "" : " ") + machine.functions[f].bdf.str().substr(5);
        out.push_back(members + (group.certain() ? "" : " ?"));
    }
    return out;
}

std::vector<std::string> reasons(const Machine& machine, std::size_t group) {
    const Topology topology(machine);
    const auto predicted = predict_groups(topology);
    std::vector<std::string> out;
    for (const auto& reason : predicted[group].reasons) out.push_back(explain(topology, reason));
    return out;
}

TEST(Groups, FunctionsOfOneConventionalDeviceAreTogether) {
    const Machine m{
        {multifunction(conventional("00:08.0")), conventional("00:08.1"), conventional("00:09.0")}, {}};
    EXPECT_THAT(groups(m), ElementsAre("00:08.0 00:08.1", "00:09.0"));
    EXPECT_THAT(reasons(m, 0),
                ElementsAre("00:08.0, 00:08.1: functions of one device may reach each other inside "
                            "it; 00:08.0 is conventional PCI, where there is no ACS."));
    EXPECT_THAT(reasons(m, 1), ElementsAre("00:09.0 is alone: it is on a root bus."));
}

TEST(Groups, AcsKeepsFunctionsApartUnlessOneLacksIt) {
    auto a = multifunction(endpoint("00:08.0")), b = endpoint("00:08.1"), c = endpoint("00:08.2");
    a.acs = b.acs = kAllOn;
    EXPECT_THAT(groups({{a, b}, {}}), ElementsAre("00:08.0", "00:08.1"));
    EXPECT_THAT(groups({{a, b, c}, {}}), ElementsAre("00:08.0", "00:08.1", "00:08.2"));
    b.acs = kOff;
    const Machine m{{a, b, c}, {}};
    EXPECT_THAT(groups(m), ElementsAre("00:08.0", "00:08.1 00:08.2"));
    EXPECT_THAT(reasons(m, 1), ElementsAre(HasSubstr("00:08.1 has ACS but not all of it on (off).")));
}

TEST(Groups, WhatAPortDoesNotImplementCountsAsEnforced) {
    auto a = multifunction(endpoint("00:08.0")), b = endpoint("00:08.1");
    a.acs = b.acs = Acs{0, 0};
    EXPECT_THAT(groups({{a, b}, {}}), ElementsAre("00:08.0", "00:08.1"));
}

TEST(Groups, BehindAPcieToPciBridgeAllShareTheBridgesName) {
    const Machine m{{root_port("00:02.0", 1, 2, kAllOn), port(PortType::pcie_to_pci, "01:00.0", 2, 2),
                     conventional("02:01.0"), conventional("02:02.0")},
                    {}};
    EXPECT_THAT(groups(m), ElementsAre("00:02.0", "01:00.0 02:01.0 02:02.0"));
    EXPECT_THAT(reasons(m, 1),
                ElementsAre("02:01.0, 02:02.0: DMA from behind the PCIe-to-PCI bridge 01:00.0 reaches "
                            "the IOMMU under one requester id, 02:00.0."));
    const Topology topology(m);
    EXPECT_EQ(requester_id(topology, 1), m.functions[1].bdf);
    EXPECT_EQ(requester_id(topology, 2), Bdf::parse("02:00.0"));
}

TEST(Groups, BehindALegacyBridgeDmaCarriesTheBridgesOwnId) {
    const Machine m{{pci_bridge("00:1e.0", 1), conventional("01:03.0")}, {}};
    EXPECT_THAT(groups(m), ElementsAre("00:1e.0 01:03.0"));
    EXPECT_EQ(requester_id(Topology(m), 1), Bdf::parse("00:1e.0"));
}

TEST(Groups, TheLastBridgeToRenameDmaNamesIt) {
    auto outer = port(PortType::pcie_to_pci, "01:00.0", 2, 3);
    const Machine m{{root_port("00:02.0", 1, 3, kAllOn), outer, pci_bridge("02:04.0", 3),
                     conventional("03:01.0"), conventional("03:02.0")},
                    {}};
    EXPECT_THAT(groups(m), ElementsAre("00:02.0", "01:00.0 02:04.0 03:01.0 03:02.0"));
    EXPECT_EQ(requester_id(Topology(m), 3), Bdf::parse("02:00.0"));
}

TEST(Groups, ARootPortIsolatesOnlyWithAcs) {
    EXPECT_THAT(groups({{root_port("00:02.0", 1, 1, kAllOn), endpoint("01:00.0")}, {}}),
                ElementsAre("00:02.0", "01:00.0"));
    for (const auto& acs : {std::optional<Acs>(), std::optional(kOff), std::optional(kHalfOn)})
        EXPECT_THAT(groups({{root_port("00:02.0", 1, 1, acs), endpoint("01:00.0")}, {}}),
                    ElementsAre("00:02.0 01:00.0"));
    const Machine half{{root_port("00:02.0", 1, 1, kHalfOn), endpoint("01:00.0")}, {}};
    EXPECT_THAT(reasons(half, 0),
                ElementsAre("01:00.0: DMA may turn around below the IOMMU at 00:02.0, which has ACS "
                            "but not all of it on (SV RR)."));
}

Machine switch_machine(std::optional<Acs> root, std::optional<Acs> down) {
    return {
        {root_port("00:05.0", 5, 8, root), port(PortType::upstream_port, "05:00.0", 6, 8),
         port(PortType::downstream_port, "06:00.0", 7, 7, down),
         port(PortType::downstream_port, "06:01.0", 8, 8, down), endpoint("07:00.0"), endpoint("08:00.0")},
        {}};
}

TEST(Groups, ASwitchIsolatesPortByPort) {
    EXPECT_THAT(groups(switch_machine(kAllOn, kAllOn)),
                ElementsAre("00:05.0", "05:00.0", "06:00.0", "06:01.0", "07:00.0", "08:00.0"));
    EXPECT_THAT(groups(switch_machine(kAllOn, std::nullopt)),
                ElementsAre("00:05.0", "05:00.0", "06:00.0 07:00.0", "06:01.0 08:00.0"));
}

TEST(Groups, OneWeakPortOnTheWayUpJoinsAllBelowIt) {
    const auto m = switch_machine(std::nullopt, kAllOn);
    EXPECT_THAT(groups(m), ElementsAre("00:05.0 05:00.0 06:00.0 06:01.0 07:00.0 08:00.0"));
    EXPECT_THAT(reasons(m, 0), ElementsAre(HasSubstr("at 00:05.0, which has no ACS capability.")));
}

TEST(Groups, PartsTheKernelKnowsToIsolate) {
    auto a = multifunction(endpoint("00:09.0")), b = endpoint("00:09.1");
    a.vendor = b.vendor = 0x8086;
    EXPECT_THAT(groups({{a, b}, {}}), ElementsAre("00:09.0 00:09.1"));
    a.device = b.device = 0x10c9;
    EXPECT_THAT(groups({{a, b}, {}}), ElementsAre("00:09.0", "00:09.1"));
    a.device = b.device = 0;
    a.port = b.port = PortType::rc_endpoint;
    EXPECT_THAT(groups({{a, b}, {}}), ElementsAre("00:09.0", "00:09.1"));
}

TEST(Groups, UnreadableAcsIsUnknownNotAbsent) {
    const Machine m{
        {seen(root_port("00:02.0", 1, 1, kAllOn), Visible::header),
         seen(multifunction(conventional("00:08.0")), Visible::header),
         seen(conventional("00:08.1"), Visible::header), seen(endpoint("01:00.0"), Visible::header)},
        {}};
    EXPECT_THAT(groups(m), ElementsAre("00:02.0 01:00.0 ?", "00:08.0 00:08.1 ?"));
    EXPECT_THAT(reasons(m, 0), ElementsAre(HasSubstr("shows too little of its config space")));
    EXPECT_EQ(isolation(seen(endpoint("01:00.0"), Visible::header)), Isolation::unknown);
    auto standard = root_port("00:02.0", 1, 1, std::nullopt);
    standard.visible = Visible::standard;
    EXPECT_EQ(isolation(standard), Isolation::unknown);
    EXPECT_EQ(isolation(endpoint("01:00.0")), Isolation::yes);
}

TEST(Topology, BusNumbersThatGoRoundInCirclesEnd) {
    const Machine m{
        {port(PortType::pcie_to_pci, "01:00.0", 1, 0xff), port(PortType::pcie_to_pci, "02:00.0", 1, 0xff),
         port(PortType::pcie_to_pci, "03:00.0", 4, 3), conventional("04:00.0")},
        {}};
    const Topology topology(m);
    EXPECT_THAT(topology.roots(), ElementsAre(0, 1, 2, 3));
    EXPECT_THAT(groups(m).size(), 4U);
}

TEST(Topology, AVirtualFunctionOnABusOfItsOwnIsBelowItsPort) {
    const Machine m{{root_port("00:02.0", 1, 2, kAllOn), endpoint("01:00.0"), endpoint("02:10.0")}, {}};
    EXPECT_EQ(Topology(m).above(2), 0U);
    EXPECT_THAT(groups(m), ElementsAre("00:02.0", "01:00.0", "02:10.0"));
}

// On their physical function's bus, and no functions of its device to Linux (pci_iov_add_virtfn): only ports count.
TEST(Groups, VirtualFunctionsAreTogetherWhereAPortAboveThemDoesNotIsolate) {
    const auto physical = multifunction(endpoint("01:00.0"));
    for (const char* number : {"01:00.1", "01:10.0"}) {
        auto first = endpoint(number), second = endpoint("01:10.2");
        first.multifunction = second.multifunction = false;
        const Machine apart{{root_port("00:02.0", 1, 1, kAllOn), physical, first, second}, {}};
        EXPECT_THAT(groups(apart), ElementsAre("00:02.0", "01:00.0", number, "01:10.2"));
        EXPECT_THAT(reasons(apart, 3), ElementsAre("01:10.2 is alone: every port above it isolates (ACS)."));
        EXPECT_EQ(requester_id(Topology(apart), 3), second.bdf);
        const Machine together{{root_port("00:02.0", 1, 1, std::nullopt), physical, first, second}, {}};
        EXPECT_THAT(groups(together), ElementsAre(std::string("00:02.0 01:00.0 ") + number + " 01:10.2"));
    }
}

TEST(Differences, NameWhatTheKernelDoesOtherwise) {
    Machine m{{multifunction(conventional("00:08.0")), conventional("00:08.1"), conventional("00:09.0")}, {}};
    const Topology topology(m);
    const auto differ = [&](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
        m.functions[0].group = a;
        m.functions[1].group = b;
        m.functions[2].group = c;
        return differences(topology, predict_groups(topology));
    };
    EXPECT_THAT(differ(1, 1, 2), IsEmpty());
    EXPECT_THAT(differ(1, 3, 2), ElementsAre(HasSubstr("00:08.0 in group 1, 00:08.1 in group 3")));
    EXPECT_THAT(differ(1, 1, 1),
                ElementsAre(HasSubstr("Group 1 of the kernel holds together what config space "
                                      "isolates: 00:08.0, 00:08.1 | 00:09.0")));
    m.functions[0].visible = m.functions[1].visible = Visible::header;
    EXPECT_THAT(differ(1, 3, 2), IsEmpty());
}

}  // namespace
}  // namespace landfall
