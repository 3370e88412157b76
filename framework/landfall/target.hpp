// The two seams. Everything a scenario runs against stands behind Iommu and Engine; nothing else does.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "landfall/line.hpp"

namespace landfall {

/// An errno, or the value of a call that succeeded.
template <class T>
struct Result {
    Errno error;
    T value{};
    [[nodiscard]] bool ok() const { return error.ok(); }
};

/// A kernel object of the IOMMU interface: IOAS or HWPT.
struct ObjectId {
    std::uint32_t value = 0;
    auto operator<=>(const ObjectId&) const = default;
};

/// Index of a device in Target::devices().
struct DeviceId {
    std::size_t value = 0;
    auto operator<=>(const DeviceId&) const = default;
};

/// Memory to be mapped, as the process sees it. `file` >= 0 names it by file and offset instead (IOAS_MAP_FILE).
struct Memory {
    std::byte* address = nullptr;
    std::uint64_t length = 0;
    int file = -1;
    std::uint64_t offset = 0;
    /// The lab's own, not the scenario's: where the kernel takes mappings away unasked, this one comes back.
    bool staging = false;
};

/// Address spaces and who is attached to them. Every answer is an errno to be recorded and judged.
class Iommu {
  public:
    virtual ~Iommu() = default;
    /// Why this interface has no call for the step, so that it is not even asked; empty if it has one.
    [[nodiscard]] virtual std::string lacks(const Step&) const { return {}; }
    [[nodiscard]] virtual Errno open(DeviceId) = 0;   ///< binds the device; opening twice is EINVAL
    [[nodiscard]] virtual Errno close(DeviceId) = 0;  ///< lets go of it, as closing its file does
    [[nodiscard]] virtual Errno reset(DeviceId) = 0;
    [[nodiscard]] virtual Result<ObjectId> ioas_alloc() = 0;
    [[nodiscard]] virtual Result<ObjectId> hwpt_alloc(DeviceId, ObjectId ioas) = 0;
    [[nodiscard]] virtual Errno destroy(ObjectId) = 0;
    /// Returns the IOVA, which is `iova` unless the kernel was asked to choose.
    [[nodiscard]] virtual Result<Iova> map(ObjectId ioas, std::optional<Iova> iova, Memory, Access) = 0;
    [[nodiscard]] virtual Result<Iova> copy(ObjectId to, std::optional<Iova> iova, ObjectId from, IovaRange,
                                            Access) = 0;
    /// Returns the bytes unmapped.
    [[nodiscard]] virtual Result<std::uint64_t> unmap(ObjectId ioas, std::optional<IovaRange>) = 0;
    [[nodiscard]] virtual Result<std::vector<IovaRange>> ranges(ObjectId ioas) = 0;
    [[nodiscard]] virtual Errno allow(ObjectId ioas, std::span<const IovaRange>) = 0;
    [[nodiscard]] virtual Errno huge_pages(ObjectId ioas, bool on) = 0;
    /// Attaches, or replaces if the device is attached: one call in iommufd. Returns the page table that the device is on now,
    /// 0 from an interface that does not tell.
    [[nodiscard]] virtual Result<ObjectId> attach(DeviceId, ObjectId domain) = 0;
    [[nodiscard]] virtual Errno detach(DeviceId) = 0;
};

/// The part of the staging window an engine owns: rings, descriptors, bounce space. CPU and bus view of one memory.
struct StagingSlice {
    std::span<std::byte> memory;
    Iova iova;
};

struct CopyRequest {
    Iova source, destination;
    std::uint32_t length = 0;
    /// The source is in the staging window, so the end that matters is the destination: an engine that needs several
    /// transfers for one copy leaves the one that matters in flight when start() returns.
    bool from_staging = false;
};

/// What a device can do; the runner refuses by these, never by the device's name.
struct Limits {
    std::uint32_t min_length = 1, max_length = 0;  ///< bytes of one copy
    std::uint32_t alignment = 1;                   ///< of both addresses
    std::uint32_t in_flight = 1;                   ///< copies started and not yet waited for
    Iova last_address;                             ///< highest address the device can put on the bus
    std::chrono::milliseconds limit{1000};         ///< longest a copy may take before it counts as lost
    Iova first_destination{};                      ///< lowest address it can write: to some, 0 means "no buffer"
    std::uint32_t granule = 1;                     ///< lengths are multiples of it
};

/// What became of a copy.
struct Arrival {
    // NOLINTNEXTLINE(google-explicit-constructor): most devices have nothing else to say
    Arrival(Landing::Status said, std::optional<Iova> other = {}) : status(said), elsewhere(other) {}
    Landing::Status status;
    /// Where it was written in place of its destination. Some devices put what arrives into the buffer that is next: a copy
    /// that got lost on its way leaves its own to the one behind it.
    std::optional<Iova> elsewhere;
    bool operator==(const Arrival&) const = default;
};

/// Makes one kind of device do DMA. The only data verb is copy.
class Engine {
  public:
    virtual ~Engine() = default;
    /// Known for certain once reset() has succeeded; before that the most any such device can do.
    [[nodiscard]] virtual Limits limits() const = 0;
    /// Brings the device from any state, after a fault too, to one in which start() works. False: it stays dead.
    /// Throws LabError if the device may not be used.
    [[nodiscard]] virtual bool reset() = 0;
    /// Rings the doorbell and returns. The device may be translated through any domain by now.
    virtual void start(const CopyRequest&) = 0;
    /// All of them, in this order. A device that can is told of them at once: a doorbell is dear.
    virtual void start_all(std::span<const CopyRequest> copies) {
        for (const auto& copy : copies) start(copy);
    }
    /// Waits for the oldest copy started. After anything but done the others under way are waited for, then reset() comes.
    [[nodiscard]] virtual Arrival wait(std::chrono::milliseconds limit) = 0;
};

/// What a process drives on a rig.
class Target {
  public:
    virtual ~Target() = default;
    /// Facts for the head of the trace; DeviceFacts are in the order of DeviceId, unnamed group members behind.
    [[nodiscard]] virtual std::vector<Fact> facts() = 0;
    [[nodiscard]] virtual Iommu& iommu() = 0;
    /// nullptr: nothing drives this device. Valid while the device is open; `staging` outlives the engine.
    [[nodiscard]] virtual std::unique_ptr<Engine> engine(DeviceId, StagingSlice staging) = 0;
    /// Nanoseconds since the target was made.
    [[nodiscard]] virtual Nanoseconds now() = 0;
    virtual void sleep(Nanoseconds) = 0;
    /// Faults and complaints the kernel has reported since the last call.
    [[nodiscard]] virtual std::vector<Event> events() = 0;
};

}  // namespace landfall
