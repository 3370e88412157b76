#include "linux/smmu_event.hpp"

#include <gtest/gtest.h>

namespace landfall {
namespace {

/// What comes of these lines, one event a line.
std::string read(const std::vector<std::string>& lines) {
    SmmuEventReader reader;
    std::string out;
    for (const auto& line : lines)
        if (const auto e = reader.take(line)) out += print(*e) + "\n";
    return out;
}

/// Linux 6.12.95 on edu-pair-smmuv3, as its console said.
const std::vector<std::string> kSeen{
    "arm-smmu-v3 9050000.smmuv3: event 0x10 received:",
    "arm-smmu-v3 9050000.smmuv3: \t0x0000004100000010",
    "arm-smmu-v3 9050000.smmuv3: \t0x0000020000000000",
    "arm-smmu-v3 9050000.smmuv3: \t0x0000000000300004",
    "arm-smmu-v3 9050000.smmuv3: \t0x0000000000000000",
};

std::vector<std::string> changed(std::size_t at, const std::string& line) {
    auto out = kSeen;
    out[at] = line;
    return out;
}

TEST(SmmuEvent, AFaultIsFiveLines) {
    EXPECT_EQ(read(kSeen), "! fault 0000:00:08.1 write 0x300004 reason 0x10\n");
    auto twice = kSeen;
    twice.insert(twice.end(), kSeen.begin(), kSeen.end());
    EXPECT_EQ(read(twice), read(kSeen) + read(kSeen));
}

// /dev/kmsg does not have control characters as they are (kernel/printk/printk.c, msg_add_ext_text()).
TEST(SmmuEvent, ItsTabsMayBeWrittenOut) {
    auto lines = kSeen;
    for (auto& line : lines)
        if (const auto tab = line.find('\t'); tab != std::string::npos) line.replace(tab, 1, "\\x09");
    EXPECT_EQ(read(lines), read(kSeen));
}

TEST(SmmuEvent, OthersMaySpeakInBetween) {
    auto lines = kSeen;
    lines.insert(lines.begin() + 2, "vfio-pci 0000:00:08.0: enabling device (0000 -> 0002)");
    lines.insert(lines.begin() + 4, "arm-smmu-v3 9090000.smmuv3: \t0x0000000000000000");
    EXPECT_EQ(read(lines), read(kSeen));
}

TEST(SmmuEvent, AReadIsABit) {
    EXPECT_EQ(read(changed(2, "arm-smmu-v3 9050000.smmuv3: \t0x0000020800000000")), "! fault 0000:00:08.1 read 0x300004 reason 0x10\n");
}

TEST(SmmuEvent, AStreamOfAnotherBusIsARequesterId) {
    EXPECT_EQ(read(changed(1, "arm-smmu-v3 9050000.smmuv3: \t0x0000010900000013")), "! fault 0000:01:01.1 write 0x300004 reason 0x13\n");
    EXPECT_EQ(read(changed(1, "arm-smmu-v3 9050000.smmuv3: \t0x0001000000000010")), "") << "not of this segment";
}

// C_BAD_CD: a context descriptor that is being changed, and no address. F_CFG_CONFLICT: what was to be forgotten was not.
TEST(SmmuEvent, OfBrokenTablesSomeAreComplaints) {
    EXPECT_EQ(read(changed(1, "arm-smmu-v3 9050000.smmuv3: \t0x000000410000000a")), "");
    EXPECT_EQ(read(changed(1, "arm-smmu-v3 9050000.smmuv3: \t0x0000004100000021")),
              "! kernel \"SMMUv3 event 0x21 F_CFG_CONFLICT of StreamID 0x41\"\n");
}

TEST(SmmuEvent, WithoutItsPartsIsNone) {
    for (std::size_t gone = 0; gone < kSeen.size(); ++gone) {
        auto lines = kSeen;
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(gone));
        EXPECT_EQ(read(lines), "") << gone;
    }
    EXPECT_EQ(read(changed(3, "arm-smmu-v3 9050000.smmuv3: \t0xnope")), "");
    EXPECT_EQ(read({"arm-smmu-v3", "arm-smmu-v3 : ", "arm-smmu-v3 x: \\x09", "event 0x10 received:"}), "");
    // One that was cut off does not lend its words to the next.
    auto lines = kSeen;
    lines.erase(lines.begin() + 4);
    lines.insert(lines.end(), kSeen.begin(), kSeen.end());
    EXPECT_EQ(read(lines), read(kSeen));
}

}  // namespace
}  // namespace landfall
