// A trace of any length in which many DMAs are under way at every instant, for measurements: written as it
// goes, the same on every machine, and one that passes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "landfall/random.hpp"

namespace landfall {

/// A machine of 64 functions, four to a group, with a pump on each. A group has two address spaces with a
/// page table each, which map the same IOVAs to different memory: a window and a page of each member's own,
/// and one window they share. While the pumps run, groups are replaced, members' pages are unmapped and
/// mapped to something else, pumps are halted and begun anew with another DMA; every eighth change is two
/// steps in lanes. Each half of a DMA takes place at some instant of its interval and each change at one of
/// its step's, so DMAs are torn here and there; what is blocked is reported as a fault.
class OverlapTrace {
  public:
    struct Shape {
        std::uint64_t dmas = 0;           ///< then the trace ends
        std::uint64_t overlap = 50;       ///< DMAs under way at any instant, 4 to kDevices - 4
        std::uint64_t change_every = 32;  ///< DMAs from one change to the next, at least 16
    };
    static constexpr std::size_t kDevices = 64, kMembers = 4, kGroups = kDevices / kMembers;

    explicit OverlapTrace(const Shape& shape) : shape_(shape) {}
    /// Appends a few lines; false when there are none left.
    bool more(std::string& text);
    /// Lines so far.
    [[nodiscard]] std::uint64_t lines() const { return lines_; }

  private:
    enum class Verb { write, read, copy };
    /// Part of a DMA: where it was sent and what it met there.
    struct Part {
        std::uint64_t iova = 0, length = 0;
        std::string place;         ///< the buffer; empty: blocked
        std::uint64_t offset = 0;  ///< in it
    };
    struct Pump {
        Verb verb{};
        std::string request;
        std::array<Part, 2> parts;  ///< the halves, or what a copy reads and what it writes
        std::uint64_t begin = 0, count = 0;
    };
    struct Member {
        std::array<bool, 2> mapped{true, true};  ///< the page of its own, by space
        std::array<std::uint64_t, 2> slot{};     ///< the part of the buffer it leads to
    };
    /// A step under way, from tick to tick.
    struct Change {
        std::size_t device = 0, space = 0;
        bool replace = false;
        unsigned lane = 0;
        std::uint64_t begin = 0, effect = 0, end = 0;
    };
    struct Touch {
        std::size_t device = 0, part = 0;
    };
    class Writer;

    void head(std::string& text);
    void make_space(std::string& text, std::size_t group, std::size_t space);
    void early_step(std::string& text, std::string_view words);
    void tick(std::string& text);
    void tail(std::string& text);
    void renew(std::string& text, std::size_t device);
    void choose_request(std::size_t device);
    void begin_dma(std::size_t device);
    void touch(std::string& text, const Touch& touch);
    void end_dma(std::string& text, std::size_t device);
    void begin_changes();
    void begin_change(unsigned lane, bool replace, std::size_t device);
    void take_effect(const Change& change);
    void end_change(std::string& text, const Change& change);

    Shape shape_;
    Random random_{1};
    std::uint64_t lines_ = 0, steps_ = 0, tick_ = 0, started_ = 0, ended_ = 0, changes_ = 0;
    enum class State { head, body, over } state_ = State::head;
    std::array<Pump, kDevices> pumps_;
    std::array<Member, kDevices> members_;
    std::array<std::size_t, kGroups> on_{};  ///< the space a group is on
    std::vector<Change> changing_;
    std::array<std::vector<Touch>, kDevices> touches_;  ///< to come, by tick
};

}  // namespace landfall
