// Steps without end: groups are moved and pages remapped while every device of them does DMA. Nothing in it is
// refused by a kernel that is right, so what it finds is found by where DMA lands.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "landfall/line.hpp"
#include "landfall/random.hpp"

namespace landfall {

struct SoakShape {
    std::vector<std::vector<std::string>> groups;  ///< devices, group by group; none is empty
    std::uint64_t longest = 1024;  ///< bytes of a DMA, at most; what every engine can do, a multiple of 512
};

class SoakScript {
  public:
    /// One seed, one script.
    SoakScript(SoakShape shape, std::uint64_t seed);

    /// Two address spaces a group, the same addresses in both mapped to memory of their own, every device attached
    /// and pumping.
    [[nodiscard]] std::vector<Line> begin();
    /// The next step or few.
    [[nodiscard]] std::vector<Line> next();
    /// Every pump halted, one after the other.
    [[nodiscard]] std::vector<Line> end() const;

  private:
    struct Slot {
        bool mapped = true;
        unsigned memory = 0;  ///< which of its buffers
    };
    struct Group {
        std::vector<std::string> devices;
        std::vector<Slot> slots[2];  ///< by space; all have as many
        unsigned on = 0;             ///< the space its devices are attached to
    };

    [[nodiscard]] std::uint64_t below(std::uint64_t n) { return random_.below(n); }
    void make_space(std::vector<Line>& out, std::size_t group, unsigned space) const;
    void move_group(std::vector<Line>& out);
    void remap(std::vector<Line>& out);
    void pump(std::vector<Line>& out, std::size_t group, std::size_t device);
    void rest(std::vector<Line>& out);

    std::vector<Group> groups_;
    std::uint64_t longest_;
    Random random_;
};

}  // namespace landfall
