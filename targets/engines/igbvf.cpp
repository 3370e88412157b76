// Virtual functions of an Intel 82576 (8086:10ca): dual-port boards, and QEMU's `igb`. How they copy is said
// in igb_queues.hpp; sections are those of the datasheet named there.
//
// A virtual function is a pool: queue n and queue n + 8 of the port belong to number n (8.26.1). It sees the
// first of them in its own BAR, and that is all it can set up. What a frame needs beside, link, receive
// addresses, pools, is the physical function's.
#include <mutex>

#include "engines/igb_port.hpp"
#include "landfall/error.hpp"

namespace landfall {
namespace {

using namespace igb;
using std::chrono::milliseconds;

constexpr unsigned kPools = 8;

// Each pool has an address of its own, so that frames come back to where they were sent.
StationAddress address_of(unsigned vf) { return {static_cast<std::uint8_t>(1 + vf)}; }

// ---- the virtual function ------------------------------------------------------------------------

// Its queue 0, in its BAR.
constexpr std::size_t kReceiveQueue = 0x2800, kTransmitQueue = 0x3800;

class IgbVf final : public Engine {
  public:
    IgbVf(DeviceAccess access, StagingSlice staging)
        : access_(std::move(access)),
          queues_(access_.bar0, kReceiveQueue, kTransmitQueue, address_of(access_.vf), staging) {}

    Limits limits() const override { return Queues::limits(); }

    /// A function level reset ends its DMA and leaves the other functions of the port alone. In QEMU it
    /// leaves alone, too, that the transmitter was in the middle of a frame whose descriptors it could not
    /// read, and it would skip the rest of what follows up to the end of a frame (igb_core_vf_reset() and
    /// tx->skip_cp, hw/net/igb_core.c).
    bool reset() override {
        if (!access_.reset_function().ok()) return false;
        queues_.set_up();
        queues_.begin_anew();
        return within(milliseconds(20), [&] { return queues_.are_on(); });
    }

    void start(const CopyRequest& copy) override { queues_.start(std::span(&copy, 1)); }
    void start_all(std::span<const CopyRequest> copies) override { queues_.start(copies); }
    Arrival wait(milliseconds limit) override { return queues_.wait(limit); }

  private:
    DeviceAccess access_;
    Queues queues_;
};

// ---- its physical function -----------------------------------------------------------------------

// Virtualization, 7.10.3; addresses and bits as the kernel's driver has them (e1000_regs.h, e1000_defines.h
// of drivers/net/ethernet/intel/igb).
enum Register : std::size_t {
    kControlExtended = 0x0018,  // CTRL_EXT
    kResetEvents = 0x0c88,      // VFLRE: pools that were reset; writing ones clears
    kReceivers = 0x0c8c,        // VFRE: pools that may receive
    kTransmitters = 0x0c90,     // VFTE: pools that may send
    kSwitch = 0x3500,           // DTXSWC
    kPoolControl = 0x581c,      // VT_CTL
    kQueueControl = 0x5818,     // MRQC
    kOffload = 0x5ad0,          // VMOLR 0; 4 bytes further, VMOLR 1
};
constexpr std::uint32_t kResetDone = 1U << 14;      // CTRL_EXT.PFRSTD: virtual functions may go on
constexpr std::uint32_t kPoolByAddress = 3;         // MRQC: pools by destination address, one queue each
constexpr std::uint32_t kNoDefaultPool = 1U << 29;  // VT_CTL: what is for no pool is dropped
constexpr std::uint32_t kLongPackets = 1U << 16;    // VMOLR, beside the length of the longest
constexpr std::uint32_t kUntagged = 1U << 24;       // VMOLR
constexpr std::uint32_t kStripChecksum = 1U << 31;  // VMOLR

class IgbPhysical final : public PhysicalFunction {
  public:
    explicit IgbPhysical(DeviceAccess access) : port_(std::move(access)) {}

    [[nodiscard]] bool bring_up() const {
        if (!port_.reset() || !port_.loop_back()) return false;
        port_.write(kReceivers, 0);
        port_.write(kTransmitters, 0);
        // Frames leave the port and come back by the PHY: the switch between the pools stays off.
        port_.write(kSwitch, 0);
        port_.write(kPoolControl, kNoDefaultPool);
        port_.write(kQueueControl, kPoolByAddress);
        for (unsigned pool = 0; pool < kPools; ++pool) {
            port_.receive_address(pool, address_of(pool), 1U << pool);
            port_.write(kOffload + 4 * pool, kLongestFrame | kLongPackets | kUntagged | kStripChecksum);
        }
        port_.switch_on();
        port_.write(kControlExtended, port_.read(kControlExtended) | kResetDone);
        return true;
    }

    bool enable(unsigned vf) override {
        if (vf >= kPools) return false;
        const std::lock_guard lock(mutex_);
        port_.write(kResetEvents, 1U << vf);
        for (const auto who : {kReceivers, kTransmitters}) port_.write(who, port_.read(who) | 1U << vf);
        return true;
    }

  private:
    Port port_;
    std::mutex mutex_;  ///< one register has the bits of all pools
};

}  // namespace

std::unique_ptr<Engine> make_igbvf(DeviceAccess access, StagingSlice staging) {
    return std::make_unique<IgbVf>(std::move(access), staging);
}

std::unique_ptr<PhysicalFunction> make_igb_physical(DeviceAccess physical, unsigned, StagingSlice) {
    const auto label = physical.label;
    auto out = std::make_unique<IgbPhysical>(std::move(physical));
    if (!out->bring_up()) throw LabError("the physical function " + label + " does not come up");
    return out;
}

}  // namespace landfall
