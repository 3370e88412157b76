// DMAs that are under way, that have met others, or that must wait for their judgement.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "landfall/account.hpp"
#include "landfall/names.hpp"

namespace landfall {

/// A DMA, or a pump's run of them, and the time it had.
struct Flight {
    DmaRequest request;
    Interval window;
    unsigned line = 0;
    bool pump = false;
};

/// Events in the order of their ends. They come in it, or nearly, and many at a time, so they stand in one piece.
class EventQueue {
  public:
    [[nodiscard]] bool empty() const { return taken_ == lines_.size(); }
    [[nodiscard]] std::size_t size() const { return lines_.size() - taken_; }
    [[nodiscard]] auto begin() { return lines_.begin() + static_cast<std::ptrdiff_t>(taken_); }
    [[nodiscard]] auto end() { return lines_.end(); }
    [[nodiscard]] auto begin() const { return lines_.begin() + static_cast<std::ptrdiff_t>(taken_); }
    [[nodiscard]] auto end() const { return lines_.end(); }
    [[nodiscard]] const Line& front() const { return lines_[taken_]; }
    /// Behind those that end with it.
    Line& insert(Line&& event);
    void pop_front();

  private:
    std::vector<Line> lines_;
    std::size_t taken_ = 0;  ///< of them
};

class Traffic {
  public:
    // -- steps
    /// A step came that runs on its own: all that began before this instant has been seen.
    void step_begins(Nanoseconds t) { latest_begin_ = std::max(latest_begin_, t); }
    void start(const DmaRequest& request, Nanoseconds begin, unsigned line, bool pump);
    /// A step came that moves_views().
    void views_moved(const Interval& when, unsigned line) { moves_.push_back({when, line}); }
    /// The line of such a step, if one ran in a part of this window. Instants at its bounds are no part of it.
    [[nodiscard]] std::optional<unsigned> moved_within(const Interval& window) const;
    /// A DMA of a block of lanes, which others of the block may meet before it is judged itself.
    void announce(const DmaRequest& request, const Interval& window);
    /// The DMA that `wait` or `halt` ends.
    [[nodiscard]] std::optional<Flight> finish(const std::string& device);

    // -- events, which the rig reports before the step they happened in
    /// A fault is taken to have happened since the step before began, as that step's line came after its own
    /// faults.
    void defer(Line&& line);
    /// Gives back, in order of time, the events no unseen step can overlap any more; `everything`: all of
    /// them.
    void settle(bool everything, const std::function<void(const Line&)>& take);
    /// Keeps the memory of a long step bounded: when very many events wait, the oldest are offered. Those
    /// that `clear` finds in order as things stand are done with, because a step still to come can only
    /// explain more; the step that ended before such an event began has been seen, as no rig holds a step's
    /// line back for that many events.
    void relieve(const std::function<bool(const Line&)>& clear);

    // -- what met what
    void landed(const DmaRequest& request, const Interval& window, const Landing& landing,
                const Account& account);
    /// Another DMA may have written these bytes during the window: of another device, or of the same pump, which may have
    /// several under way at several IOVAs of one memory.
    [[nodiscard]] bool contested(const History& history, const DmaRequest& request, const Interval& window,
                                 const Backing& memory, std::uint64_t length) const;
    /// A DMA without an end, or one that was given up, may have written these bytes by now.
    [[nodiscard]] bool may_still_write(const History& history, Nanoseconds now, const Backing& memory,
                                       std::uint64_t length) const;
    /// A DMA of such a device had begun by then and its account is not closed.
    [[nodiscard]] bool open_at(Nanoseconds t, const std::function<bool(const std::string& device)>& of) const;

    [[nodiscard]] Nanoseconds latest_begin() const { return latest_begin_; }
    /// No window still to be judged begins before this instant. Forgets what no such window can have met.
    [[nodiscard]] Nanoseconds watermark();

  private:
    struct Move {
        Interval when;
        unsigned line;
    };
    struct Suspect {
        Backing memory;
        std::uint64_t length;
    };
    /// What there is of one device.
    struct Course {
        std::optional<Flight> open;  ///< started or pumping
        std::vector<Flight> done;    ///< finished writes that others may have met
        Nanoseconds last_end;        ///< of those
    };

    /// True if the condition holds for one of the DMAs among the events that wait.
    [[nodiscard]] bool any_waiting(
        const std::function<bool(const DmaRequest&, const Interval&)>& condition) const;

    Nanoseconds latest_begin_;
    ByName<Course> courses_;
    EventQueue deferred_;
    std::multimap<Nanoseconds, Line> suspicious_;  ///< those that relieve() could not clear
    std::deque<Suspect> given_up_;
    std::deque<Move> moves_;  ///< that a window still to be judged may have met
};

}  // namespace landfall
