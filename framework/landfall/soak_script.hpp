// Steps without end: groups are moved, pages remapped and page tables renewed while every device of them does DMA. Now and
// then something is asked that must be refused. What it finds is found by where DMA lands, and by what the kernel answers.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "landfall/line.hpp"
#include "landfall/random.hpp"

namespace landfall {

struct SoakShape {
    std::vector<std::vector<std::string>> groups;  ///< devices, group by group; none is empty
    std::uint64_t longest = 1024;  ///< bytes of a DMA, at most; what every engine can do, a multiple of 512
    Iova interrupts{0xfee00000};   ///< no mapping may be here where a device is attached: reserved in every group
};

class SoakScript {
  public:
    /// One seed, one script.
    SoakScript(SoakShape shape, std::uint64_t seed);

    /// Two address spaces a group with two page tables each, the same addresses in all spaces mapped to memory of their own,
    /// every device attached and pumping.
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
    /// What lies in a slot, which also says what may be done with it.
    enum class Kind : std::size_t;
    struct Space {
        std::string name;
        std::vector<Slot> slots;         ///< all spaces have the same
        std::array<unsigned, 2> tables;  ///< its page tables, by what numbers their names have
        unsigned named = 0;              ///< numbers given so far
    };
    struct Table {
        std::size_t space = 0, which = 0;
        bool operator==(const Table&) const = default;
    };
    struct Group {
        std::vector<std::string> devices;
        std::size_t first = 0;  ///< of its devices, among all
        Table on{};             ///< what they are attached to
    };

    [[nodiscard]] static IovaRange range_of(std::size_t slot, Kind kind);
    [[nodiscard]] static Kind kind_of(std::size_t slot, std::size_t slots);
    [[nodiscard]] std::uint64_t below(std::uint64_t n) { return random_.below(n); }
    [[nodiscard]] std::string name(const Table& table) const;
    [[nodiscard]] const std::string& maker(std::size_t space) const;
    [[nodiscard]] bool used(const Table& table) const;
    [[nodiscard]] bool used(std::size_t space) const;
    [[nodiscard]] Table somewhere(std::size_t group);
    [[nodiscard]] bool others_use(std::size_t space, std::size_t group) const;
    void make_asides(std::vector<Line>& out) const;
    void make_space(std::vector<Line>& out, std::size_t space);
    void make_table(std::vector<Line>& out, const Table& table);
    [[nodiscard]] Line map(std::size_t space, std::size_t slot);
    void move_group(std::vector<Line>& out);
    void remap(std::vector<Line>& out);
    void renew(std::vector<Line>& out);
    void leave_and_return(std::vector<Line>& out);
    void pump_elsewhere(std::vector<Line>& out);
    // What is asked aside of the traffic (soak_aside.cpp).
    void ask_amiss(std::vector<Line>& out);
    void ask_window(std::vector<Line>& out, std::size_t space);
    void copy_amiss(std::vector<Line>& out);
    void visit(std::vector<Line>& out);
    void leave_together(std::vector<Line>& out);
    void pump(std::vector<Line>& out, std::size_t group, std::size_t device);

    std::vector<Group> groups_;
    std::vector<Space> spaces_;  ///< two a group
    std::uint64_t longest_;
    Iova interrupts_;
    Random random_;
    unsigned visits_ = 0;  ///< to address spaces that are there for one visit
};

}  // namespace landfall
