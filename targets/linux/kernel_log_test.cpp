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
TEST(KernelLog, ComplaintsAndSmallTalk) {
    EXPECT_EQ(parsed("WARNING: CPU: 0 PID: 1 at drivers/iommu/iommu.c:1"),
              "! kernel \"WARNING: CPU: 0 PID: 1 at drivers/iommu/iommu.c:1\"");
    EXPECT_EQ(parsed("BUG: KASAN: use-after-free in x"), "! kernel \"BUG: KASAN: use-after-free in x\"");
    EXPECT_EQ(parsed("DMAR: DRHD: handling fault status reg 2"), "");
    EXPECT_EQ(parsed(""), "");
}

}  // namespace
}  // namespace landfall
