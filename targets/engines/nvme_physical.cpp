// The primary controller of an NVMe subsystem, on behalf of its secondary controllers, which are its virtual
// functions: it gives them queues and interrupts and brings them online. The specification is named in
// nvme_controller.hpp; what is done here is its Virtualization Management (Base 5.28).
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "engines/nvme_controller.hpp"
#include "landfall/error.hpp"

namespace landfall {
namespace {

using namespace nvme;

constexpr std::uint8_t kVirtualizationManagement = 0x1c;
enum Action : std::uint32_t { kAllocateToPrimary = 1, kAssign = 8, kOnline = 9 };  // ACT

/// Of what the controllers of a subsystem have some each. Where Primary Controller Capabilities (CNS 14h) has
/// how many can be lent (VQFRT, VIFRT); behind it, how many are (VQRFA, VIRFA), and how many the primary
/// controller keeps (VQRFAP, VIRFAP).
struct Resource {
    std::uint32_t number;  ///< RT
    std::size_t at;
    std::uint32_t each;  ///< what a virtual function gets: of queues, those for administration and one pair
};
constexpr Resource kQueues{0, 32, 2}, kInterrupts{1, 64, 1};

// Secondary Controller List (CNS 15h): a count in byte 0, then entries with SCID and VFN.
constexpr std::size_t kFirstEntry = 32, kEntryBytes = 32, kIdAt = 0, kNumberAt = 8, kMostEntries = 127;

class NvmePhysical final : public PhysicalFunction {
  public:
    /// A secondary controller stays online when it is reset.
    bool enable(unsigned) override { return true; }
};

class Primary {
  public:
    Primary(const DeviceAccess& access, StagingSlice memory)
        : access_(access),
          controller_(access, *reinterpret_cast<ControllerMemory*>(memory.memory.data()), memory.iova) {
        if (memory.memory.size() < sizeof(ControllerMemory)) std::abort();
    }

    [[nodiscard]] bool bring_online(unsigned count) {
        if (!controller_.enable() || !give_up(count)) return false;
        for (unsigned vf = 0; vf < count; ++vf) {
            const auto id = secondary(vf);
            if (!id || !manage(*id, kAssign, kQueues, kQueues.each) ||
                !manage(*id, kAssign, kInterrupts, kInterrupts.each) || !manage(*id, kOnline, kQueues, 0))
                return false;
        }
        return true;
    }

  private:
    /// The primary controller keeps all that could be lent (QEMU's does when it is made) until it is told
    /// otherwise, and then reset: its function, since clearing CC.EN does not count (hw/nvme/ctrl.c of QEMU,
    /// nvme_activate_virt_res()). What is free already is not taken from it.
    [[nodiscard]] bool give_up(unsigned count) {
        if (!controller_.ask(kController)) return false;
        const auto id = *controller_.answer<std::uint16_t>(78);  // CNTLID
        bool all_free = true;
        for (const auto& resource : {kQueues, kInterrupts}) {
            if (!controller_.ask(kPrimaryCapabilities)) return false;
            const auto total = *controller_.answer<std::uint32_t>(resource.at);
            const auto lent = *controller_.answer<std::uint32_t>(resource.at + 4);
            const std::uint32_t kept = *controller_.answer<std::uint16_t>(resource.at + 8);
            const auto wanted = resource.each * count + lent;
            if (wanted > total) return false;
            if (kept + wanted <= total) continue;
            if (!manage(id, kAllocateToPrimary, resource, total - wanted)) return false;
            all_free = false;
        }
        return all_free || (access_.reset_function().ok() && controller_.enable());
    }

    [[nodiscard]] bool manage(std::uint16_t controller, Action action, const Resource& resource,
                              std::uint32_t count) {
        return controller_.carry_out(
            {.opcode = kVirtualizationManagement,
             .dword10 = {static_cast<std::uint32_t>(controller) << 16 | resource.number << 8 | action,
                         count}});
    }

    /// Its controller id; virtual functions count from 1 there.
    [[nodiscard]] std::optional<std::uint16_t> secondary(unsigned vf) {
        if (!controller_.ask(kSecondaryControllers)) return std::nullopt;
        const std::size_t entries = std::min<std::size_t>(*controller_.answer<std::uint8_t>(0), kMostEntries);
        for (std::size_t i = 0; i < entries; ++i) {
            const auto at = kFirstEntry + i * kEntryBytes;
            if (*controller_.answer<std::uint16_t>(at + kNumberAt) == vf + 1)
                return *controller_.answer<std::uint16_t>(at + kIdAt);
        }
        return std::nullopt;
    }

    const DeviceAccess& access_;
    Controller controller_;
};

}  // namespace

std::unique_ptr<PhysicalFunction> make_nvme_physical(DeviceAccess physical, unsigned count,
                                                     StagingSlice memory) {
    if (!Primary(physical, memory).bring_online(count))
        throw LabError(fmt::format("the physical function {} does not bring {} virtual functions online",
                                   physical.label, count),
                       "it needs Virtualization Management, and two queues and an interrupt for each");
    return std::make_unique<NvmePhysical>();
}

}  // namespace landfall
