#include "linux/kernel_log.hpp"

#include <gtest/gtest.h>

namespace landfall {
namespace {

std::string parsed(std::string_view text) {
    const auto e = parse_kernel_line(text);
    return e ? print(*e) : "";
}

TEST(KernelLog, VtdFaultOfEveryWriting) {
    EXPECT_EQ(parsed("DMAR: [DMA Write NO_PASID] Request device [00:08.1] fault addr 0x300000 [fault reason 0x05] PTE "
                     "Write access is not set"),
              "! fault 0000:00:08.1 write 0x300000 reason 0x5");
    EXPECT_EQ(parsed("DMAR: [DMA Read PASID 0x0] Request device [0000:00:08.0] fault addr 0x1000 [fault reason 0x71] x"),
              "! fault 0000:00:08.0 read 0x1000 reason 0x71");
}
TEST(KernelLog, FaultWithoutItsPartsIsNoFault) {
    EXPECT_EQ(parsed("DMAR: [DMA Write] Request device [zz:08.1] fault addr 0x300000 [fault reason 0x05]"), "");
    EXPECT_EQ(parsed("DMAR: [DMA Write] Request device [00:08.1] fault addr 0xnope [fault reason 0x05]"), "");
    EXPECT_EQ(parsed("DMAR: [DMA Write] Request device [00:08.1"), "");
}
TEST(KernelLog, VirtioFaultKnowsItsEndpointByRequesterId) {
    EXPECT_EQ(parsed("virtio_iommu virtio0: page fault from EP 65 at 0x300000 []"), "! fault 0000:00:08.1 access 0x300000");
    EXPECT_EQ(parsed("virtio_iommu virtio0: page fault from EP 65 at 0x300004 [W]"),
              "! fault 0000:00:08.1 write 0x300004");
    EXPECT_EQ(parsed("virtio_iommu virtio1: domain fault from EP 513 at 0xfffffffffffff000 [R]"),
              "! fault 0000:02:00.1 read 0xfffffffffffff000");
    EXPECT_EQ(parsed("virtio_iommu virtio0: page fault from EP 65"), "") << "no address";
    EXPECT_EQ(parsed("virtio_iommu virtio0: page fault from EP 65536 at 0x300000 []"), "");
    EXPECT_EQ(parsed("virtio_net virtio0: page fault from EP 65 at 0x300000 []"), "");
    EXPECT_EQ(parsed("viommu_fault_handler: 54 callbacks suppressed"), "");
}
TEST(KernelLog, AmdFaultOfEveryWriting) {
    EXPECT_EQ(parsed("vfio-pci 0000:00:08.1: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0001 address=0x300000 "
                     "flags=0x0020]"),
              "! fault 0000:00:08.1 write 0x300000 reason 0x20");
    EXPECT_EQ(parsed("AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:02:00.0 domain=0x0001 address=0x1000 "
                     "flags=0x0000]"),
              "! fault 0000:02:00.0 read 0x1000 reason 0x0");
    EXPECT_EQ(parsed("AMD-Vi: Event logged [IO_PAGE_FAULT device=08:01.0 domain=0x0001 address=0x1000 flags=0x0050]"),
              "! fault 0000:08:01.0 read 0x1000 reason 0x50");
    EXPECT_EQ(parsed("pci 0000:00:01.0: AMD-Vi: Event logged [INVALID_DEVICE_REQUEST device=0000:00:08.1 "
                     "pasid=0x00000 address=0xfffffffdf8000000 flags=0x0a00]"),
              "! fault 0000:00:08.1 read 0xfffffffdf8000000 reason 0xa00");
}
TEST(KernelLog, AmdFaultOfAnInterruptIsNoReadOrWrite) {
    EXPECT_EQ(parsed("vfio-pci 0000:00:08.1: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0000 address=0x0 "
                     "flags=0x000a]"),
              "! fault 0000:00:08.1 access 0x0 reason 0xa");
}
TEST(KernelLog, BrokenTablesOfAnAmdIommuAreComplaints) {
    const char* text = "pci 0000:00:01.0: AMD-Vi: Event logged [ILLEGAL_DEV_TABLE_ENTRY device=0000:00:08.1 "
                       "pasid=0x00000 address=0x0 flags=0x0000]";
    EXPECT_EQ(parsed(text), "! kernel \"" + std::string(text) + "\"");
    EXPECT_EQ(parsed("AMD-Vi: Event logged [Device not attached to domain properly]"), "");
    EXPECT_EQ(parsed("AMD-Vi:   device=0000:00:08.1 domain=0x0000"), "");
}
TEST(KernelLog, ComplaintsAndSmallTalk) {
    EXPECT_EQ(parsed("WARNING: CPU: 0 PID: 1 at drivers/iommu/iommu.c:1"),
              "! kernel \"WARNING: CPU: 0 PID: 1 at drivers/iommu/iommu.c:1\"");
    EXPECT_EQ(parsed("BUG: KASAN: use-after-free in x"), "! kernel \"BUG: KASAN: use-after-free in x\"");
    EXPECT_EQ(parsed("DMAR: DRHD: handling fault status reg 2"), "");
    EXPECT_EQ(parsed(""), "");
}

}  // namespace
}  // namespace landfall
