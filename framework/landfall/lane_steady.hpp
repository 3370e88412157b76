// The DMAs of a pump while nothing changes: each lands where the one before it has landed, and many are told as one.
#pragma once

#include "landfall/lane.hpp"

namespace landfall {

/// Cheaper than DMAs that are stamped, looked for and told one by one, and as strict: every word of every DMA is compared with
/// its place, and the first of each page is looked for in all others. A write sends something other than the one before it
/// at its place, and a read arrives where nothing is, so that a DMA which did nothing is told from one which did. The first that is
/// in any way unlike the others ends the run and is looked at by itself; so does a step which moves_views(), and those that may
/// have met it are looked at by themselves.
class Lane::Steady {
  public:
    Steady(Lane& lane, const Pump& pump);

    /// What became of a DMA of the pump that was looked at by itself.
    void saw(const Done& done);
    /// Since the last change every piece of the pump has landed whole in a place that is known, and nothing changes now.
    [[nodiscard]] bool ready() const { return landed_ >= wanted_ && undisturbed(); }
    /// DMAs from the `n`-th of the pump on until something is unlike, changes, or is to be told; none may be in flight before.
    /// Returns how many of them it has reported; those it has not are left in flight on the lane.
    std::uint64_t run(std::uint64_t& n, const Report& report);

  private:
    /// One of the payloads that are sent, or arrive, in turn.
    struct Cell {
        DmaRequest request;
        std::size_t payload = 0;
        std::uint64_t sequence = 0;
        CopyRequest copy{};
        std::span<std::byte> memory{};  ///< of the payload
        Content words{};                ///< that it should hold
        Arena::Spot spot{};
        Nanoseconds begin{};  ///< of the last DMA that sent it
    };
    /// What a run has come to: DMAs are counted from its first.
    struct Course {
        std::uint64_t first = 0;  ///< of the pump
        std::uint64_t started = 0, good = 0;
        Nanoseconds begin, end;          ///< of the good ones
        std::vector<Arrival> others{};  ///< of those behind them that were waited for
    };
    [[nodiscard]] bool undisturbed() const;
    [[nodiscard]] bool alike(const Cell& cell) const;
    [[nodiscard]] bool writes() const { return pump_.request.verb == DmaRequest::Verb::write; }
    [[nodiscard]] std::size_t piece_of(const DmaRequest& request) const;
    [[nodiscard]] Cell& cell(const Course& course, std::uint64_t n) { return cells_[(course.first + n) % cells_.size()]; }
    void load();
    void go(Course& course);
    void start(Course& course, std::size_t count);
    /// A burst, or what of it is alike. False: that was the last one.
    [[nodiscard]] bool judge(Course& course);
    void tell(const Course& course, const Report& report);
    void leave(const Course& course);

    Lane& lane_;
    const Pump pump_;
    std::vector<std::vector<Segment>> places_;  ///< where each piece has landed
    std::vector<Cell> cells_;                   ///< two for each piece; empty: this pump is not one for it
    std::vector<CopyRequest> copies_;           ///< that are started at once
    std::uint64_t seen_ = 0;                    ///< changes, when a DMA was last looked at by itself
    std::uint64_t landed_ = 0;                  ///< of these, in a row, as they should
    std::uint64_t wanted_ = 0;                  ///< of these, before the next run
    bool alone_ = false;                        ///< no other device's DMA was under way when the run began
    std::uint64_t nth_ = 0;                     ///< of all DMAs
};

}  // namespace landfall
