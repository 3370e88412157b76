// The whole simulated machine: memory, units, devices and the kernel on it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "landfall/line.hpp"
#include "sim/iommufd.hpp"

namespace landfall::sim {

/// What the machine is made of. Devices are numbered in this order.
struct Config {
    struct Function {
        std::string name;
        Bdf bdf;
        std::uint32_t group = 0;
        std::optional<Bdf> alias;
        unsigned unit = 0;  ///< which IOMMU unit stands before it
    };
    std::vector<Function> functions;
    FaultSet faults;
    unsigned burst = 4;  ///< DMAs a pump may do during one step of the scenario ...
    bool refill = true;  ///< ... or, without this, in its whole life
};
inline constexpr std::size_t kMaxFunctions = 7;
inline constexpr unsigned kMaxUnits = 4;

/// IOVA window of every IOAS that is not bare: a page that tells it from others, then a page of rings per
/// device.
inline constexpr IovaRange kStaging{Iova{0x7000'0000}, (1 + kMaxFunctions) * kPageSize};
/// What cannot be mapped while a device is attached: the interrupt window of x86.
inline constexpr IovaRange kMsiWindow{Iova{0xfee0'0000}, 1U << 20};

/// One DMA of a device.
struct Flight {
    DmaRequest request;
    Interval window;
    Landing landing;
    bool done = false;
    [[nodiscard]] bool ready() const { return done; }  ///< for whoever waits
};

/// What is known of a DMA from which nobody has heard anything yet.
[[nodiscard]] Landing unheard_of(const DmaRequest& request);

class Machine {
  public:
    using OnEvent = std::function<void(Event)>;
    Machine(const Config& config, Decider& decider, OnEvent on_event);
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    /// An actor that was left in the middle of something lets go of locks and requests, so all go before
    /// those do.
    ~Machine() { scheduler_.kill_all(); }

    [[nodiscard]] Scheduler& scheduler() { return scheduler_; }
    [[nodiscard]] Iommufd& iommufd() { return iommufd_; }
    [[nodiscard]] Memory& memory() { return memory_; }
    /// nullptr for an unknown name.
    [[nodiscard]] Device* device(std::string_view name);
    [[nodiscard]] std::size_t number(const Device& device) const;

    /// For Scheduler::touch: one actor lets the other go on.
    [[nodiscard]] std::uint64_t signal(const Device& device) const {
        return thing(Thing::flight, 128 + number(device));
    }
    /// Carries a DMA out. `flight` outlives it.
    [[nodiscard]] Task<> transfer(Device& device, Flight& flight);
    /// What the device wrote although no DMA of its own was under way.
    [[nodiscard]] const std::vector<BufferSlice>& strays() const { return strays_; }
    /// What DMA has left in memory that is nobody's, by address; what was overwritten is gone.
    [[nodiscard]] std::vector<GuestPlace> elsewhere() const;
    /// For Scheduler::touch: somebody looks at that memory.
    [[nodiscard]] static std::uint64_t all_memory() { return thing(Thing::log, 1); }

  private:
    /// What a faulty device still has to write, or writes a second time.
    struct Leftover {
        Iova iova;
        std::uint64_t length, sequence;
        Track known;  ///< where the DMA it belongs to went
    };
    struct Reached {
        bool ok = false;
        std::optional<Span> place;  ///< nullopt: memory nobody looks at
        Frame frame = 0;
    };
    [[nodiscard]] Task<Reached> go_on(Device& device, Iova iova, Access access, Reached before);
    [[nodiscard]] Task<Reached> reach(Device& device, Iova iova, Access access);
    [[nodiscard]] Task<bool> payload(Device& device, const DmaRequest& request, Landing& landing, bool lost);
    [[nodiscard]] Task<> leftovers(Device& device);
    void leave_elsewhere(const Reached& reached, Iova iova, std::uint64_t length, std::uint64_t sequence);
    [[nodiscard]] Iova rings(const Device& device) const;
    void report_fault(const Device& device, Iova iova, Access access, std::uint32_t reason);

    Config config_;
    OnEvent on_event_;
    Scheduler scheduler_;
    Memory memory_;
    std::vector<std::unique_ptr<IommuUnit>> units_;
    std::deque<Group> groups_;
    std::deque<Device> devices_;
    Iommufd iommufd_;
    std::vector<std::optional<Leftover>> leftovers_;  ///< by device
    std::vector<BufferSlice> strays_;
    std::map<GuestAddress, GuestPlace> elsewhere_;  ///< by request: none crosses a page
    std::uint64_t sequence_ = 0;
};

}  // namespace landfall::sim
