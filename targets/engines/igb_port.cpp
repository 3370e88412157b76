#include "engines/igb_port.hpp"

namespace landfall::igb {
namespace {

using std::chrono::milliseconds;

// Chapter 8.
enum Register : std::size_t {
    kControl = 0x0000,          // CTRL, 8.2.1
    kStatus = 0x0008,           // STATUS, 8.2.2
    kEeprom = 0x0010,           // EECD
    kControlExtended = 0x0018,  // CTRL_EXT, 8.2.3
    kMdi = 0x0020,              // MDIC, 8.2.4
    kReceiveControl = 0x0100,   // RCTL, 8.10.1
    kTransmitControl = 0x0400,  // TCTL
    kInterruptMask = 0x150c,    // IMC: writing ones masks
    kExtendedMask = 0x1528,     // EIMC, likewise
    kLongestPacket = 0x5004,    // RLPML
    kAddressLow = 0x5400,       // RAL 0; 8 bytes further, RAL 1
    kAddressHigh = 0x5404,      // RAH 0
    kPcieControl = 0x5b00,      // GCR, 8.6.1
};

constexpr std::uint32_t kFullDuplex = 1U << 0;  // CTRL
constexpr std::uint32_t kSetLinkUp = 1U << 6;
constexpr std::uint32_t kSpeedMask = 3U << 8;
constexpr std::uint32_t kSpeed1000 = 2U << 8;
constexpr std::uint32_t kForceSpeed = 1U << 11;
constexpr std::uint32_t kForceDuplex = 1U << 12;
constexpr std::uint32_t kReset = 1U << 26;

constexpr std::uint32_t kLinkUp = 1U << 1;                // STATUS
constexpr std::uint32_t kAutoReadDone = 1U << 9;          // EECD
constexpr std::uint32_t kLinkModeMask = 3U << 22;         // CTRL_EXT; 0: the internal PHY
constexpr std::uint32_t kDriverLoaded = 1U << 28;         // CTRL_EXT
constexpr std::uint32_t kResendOnTimeout = 1U << 16;      // GCR
constexpr std::uint32_t kAddressValid = 1U << 31;         // RAH
constexpr unsigned kPoolShift = 18;                       // RAH.POOLSEL
constexpr std::uint32_t kTransmitEnable = 1U << 1;        // TCTL
constexpr std::uint32_t kReceiveEnable = 1U << 1;         // RCTL
constexpr std::uint32_t kLongPackets = 1U << 5;           // RCTL
constexpr std::uint32_t kStripChecksum = 1U << 26;        // RCTL: the FCS never reaches memory
constexpr std::uint32_t kMdiWrite = 1U << 26 | 1U << 21;  // MDIC: write, to the internal PHY
constexpr std::uint32_t kMdiReady = 1U << 28;
constexpr std::uint32_t kMdiError = 1U << 30;

// PHY register 0 (IEEE 802.3, 22.2.4.1).
constexpr std::uint32_t kPhyLoopback = 1U << 14;
constexpr std::uint32_t kPhyNegotiate = 1U << 12;
constexpr std::uint32_t kPhyRestart = 1U << 9;
constexpr std::uint32_t kPhyFullDuplex = 1U << 8;
constexpr std::uint32_t kPhySpeed1000 = 1U << 6;

}  // namespace

/// A read that faulted can wedge the DMA engine in a way CTRL.RST does not cure, a function level reset
/// does (4.2.1.5.1). Where the kernel knows no way to reset the function, CTRL.RST has to do.
bool Port::reset() const {
    (void)access_.reset_function();
    write(kControl, read(kControl) | kReset);
    std::this_thread::sleep_for(milliseconds(1));  // 4.2.1.6.1: not to be touched earlier
    if (!within(milliseconds(20), [&] { return (read(kControl) & kReset) == 0; })) return false;
    // Boards load their settings from the EEPROM now. QEMU never says so; there is nothing to wait for.
    (void)within(milliseconds(20), [&] { return (read(kEeprom) & kAutoReadDone) != 0; });
    write(kInterruptMask, ~0U);
    write(kExtendedMask, ~0U);
    // A read that timed out is lost, not tried again for ever.
    write(kPcieControl, read(kPcieControl) & ~kResendOnTimeout);
    return true;
}

/// PHY loopback, 3.5.6.3.1. QEMU's link comes up only by negotiation, 500 ms after it was asked for; on a
/// board the next write to the PHY ends it before it begins.
bool Port::loop_back() const {
    write(kControlExtended, (read(kControlExtended) & ~kLinkModeMask) | kDriverLoaded);
    if (!write_phy(kPhyNegotiate | kPhyRestart)) return false;
    if (!write_phy(kPhyLoopback | kPhySpeed1000 | kPhyFullDuplex)) return false;
    std::this_thread::sleep_for(milliseconds(50));
    write(kControl, (read(kControl) & ~kSpeedMask) | kForceSpeed | kForceDuplex | kSpeed1000 | kFullDuplex |
                        kSetLinkUp);
    // The datasheet names no time; the kernel's driver gives a board 500 ms to settle.
    std::this_thread::sleep_for(milliseconds(450));
    return within(milliseconds(2000), [&] { return (read(kStatus) & kLinkUp) != 0; });
}

bool Port::write_phy(std::uint32_t value) const {
    write(kMdi, kMdiWrite | value);
    return within(milliseconds(50), [&] { return (read(kMdi) & kMdiReady) != 0; }) &&
           (read(kMdi) & kMdiError) == 0;
}

void Port::receive_address(unsigned index, StationAddress address, std::uint32_t pools) const {
    write(kAddressLow + 8 * index, address.low());
    write(kAddressHigh + 8 * index, address.high() | pools << kPoolShift | kAddressValid);
}

void Port::switch_on() const {
    write(kLongestPacket, kLongestFrame);
    write(kReceiveControl, kReceiveEnable | kLongPackets | kStripChecksum);
    write(kTransmitControl, read(kTransmitControl) | kTransmitEnable);
}

}  // namespace landfall::igb
