// A scenario being written by a program, and what its writer believes came of the steps so far. The belief
// only steers towards interesting steps; nothing is judged by it.
#pragma once

#include <string>
#include <vector>

#include "landfall/scenario.hpp"

namespace landfall {

class Draft {
  public:
    struct Area {
        IovaRange range;
        Access access;
    };
    struct Space {
        std::string name;
        std::vector<Area> areas;  ///< ascending, apart
        bool fit = true;          ///< holds nothing that a page table must refuse
        bool alive = true;        ///< may still be named
        bool doubted = false;     ///< somebody has asked for its end: it may be gone after all
    };
    /// Something to attach to: an IOAS, or a HWPT of it.
    struct Domain {
        std::string name;
        std::size_t space = 0;
        bool manual = false;
        bool alive = true;
    };
    struct Device {
        std::string name;
        std::size_t group = 0;
        std::string domain;  ///< attached to; empty: to nothing
        bool open = true;
        bool busy = false;  ///< a DMA was started or pumped and not yet waited for
        bool pump = false;
    };

    explicit Draft(const std::vector<std::vector<std::string>>& groups);

    std::vector<Line> lines;
    std::vector<Buffer> buffers;
    std::vector<Space> spaces;
    std::vector<Domain> domains;
    std::vector<Device> devices;
    unsigned lane = 0;    ///< of the lines to come
    bool certain = true;  ///< the belief is no guess: nothing has run side by side so far

    /// Appends the step and takes note of what it does if all goes well.
    void add(Step step);

    [[nodiscard]] Domain* domain(const std::string& name);
    [[nodiscard]] Space* space(const std::string& name);
    /// The IOAS the device's DMA goes through; nullptr: none.
    [[nodiscard]] Space* seen_by(const Device& device);
    [[nodiscard]] bool in_use(const Domain& domain) const;

  private:
    void note(const Step& step);
    void mapped(Space& space, std::optional<Iova> at, std::uint64_t length, Access access, bool pins);
    void unmapped(Space& space, const std::optional<IovaRange>& range);
    void attached(Device& device, const Domain& to);
    void destroyed(Domain& what);
    void controlled(const DeviceControl& step);
    [[nodiscard]] Device& device(const std::string& name);
};

/// What no mapping may touch while a device is attached: the interrupt window of x86.
inline constexpr IovaRange kInterruptWindow{Iova{0xfee0'0000}, 1U << 20};

}  // namespace landfall
