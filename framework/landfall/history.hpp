// What devices may have seen, and when. Every change happens somewhere in the closed interval of the step
// that made it: during the step both before and after are possible, outside of it exactly one is. Steps may
// overlap.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "landfall/model.hpp"
#include "landfall/names.hpp"

namespace landfall {

/// How long something was true. No `began`: from before the trace; no `ended`: still.
struct Lifetime {
    std::optional<Interval> began, ended;
    unsigned began_line = 0, ended_line = 0;

    /// True at some instant of the window, as far as the steps' times tell.
    [[nodiscard]] bool possible_in(const Interval& w) const {
        return (!began || began->begin <= w.end) && (!ended || w.begin <= ended->end);
    }
    /// True at every instant of the window. An instant shared with the step that changed it does not count.
    [[nodiscard]] bool throughout(const Interval& w) const {
        return (!began || began->end < w.begin) && (!ended || w.end < ended->begin);
    }
    /// The window cut to the instants at which it may have been true; only if possible_in(w).
    [[nodiscard]] Interval within(const Interval& w) const {
        return {began ? std::max(w.begin, began->begin) : w.begin,
                ended ? std::min(w.end, ended->end) : w.end};
    }
};

/// A group translated through one domain; no space: blocked.
struct DomainSpell {
    std::optional<SpaceId> space;
    std::string domain;
    Lifetime life;
};

/// A mapping in one address space.
struct MappingSpell {
    Area area;
    Lifetime life;
};

/// One way the IOMMU may have translated an address.
struct Candidate {
    const DomainSpell* domain = nullptr;
    const MappingSpell* mapping = nullptr;
    bool certain = false;  ///< it held throughout the window, so nothing else did
    [[nodiscard]] Backing at(Iova a) const { return mapping->area.memory + (a - mapping->area.range.start); }
    [[nodiscard]] bool leads_to(const Backing& memory, Iova a) const {
        const auto& area = mapping->area;
        return area.memory.address + (a - area.range.start) == memory.address &&
               area.memory.buffer == memory.buffer;
    }
};

/// Addresses with the same candidates.
struct Stretch {
    IovaRange range;
    std::span<const Candidate> candidates;  ///< of its Outlook
    /// The access may have been blocked here for want of a mapping that allows it throughout.
    [[nodiscard]] bool may_block(Access wanted) const;
};

/// What a device may have seen of a range of IOVAs during a window.
struct Outlook {
    std::vector<DomainSpell const*> domains;  ///< that the group may have been on, oldest first
    std::vector<Stretch> stretches;           ///< in order, covering the range
    std::vector<Candidate> candidates;        ///< of one stretch after the other
    bool may_be_shut = false;    ///< the whole DMA may have been blocked: no domain, a change, no bus master
    bool may_be_open = true;     ///< the device may have been able to put something on the bus
    bool may_be_closed = false;  ///< it may not have been: closed, or being reset

    /// What was found on the way: work space.
    struct Found {
        IovaRange range;
        Candidate candidate;
    };
    std::vector<Found> found;
    std::vector<Iova> cuts;

    Outlook() = default;
    Outlook(const Outlook&) = delete;  // stretches refer to its candidates
    Outlook& operator=(const Outlook&) = delete;
    Outlook(Outlook&&) = default;
    Outlook& operator=(Outlook&&) = default;
    ~Outlook() = default;
    void clear();
    /// Fills stretches and candidates with what was found.
    void cover(const IovaRange& range);
};

/// A place in memory that an address led to in some address space, at some time.
struct Trail {
    std::string space;  ///< name of the IOAS
    const MappingSpell* mapping = nullptr;
    const DomainSpell* domain = nullptr;  ///< the group's last stay in that space, if any is remembered
};

/// A device whose books name one address space while its DMA goes through another, or nowhere.
struct Estranged {
    std::string device;
    const DomainSpell* told = nullptr;
    const DomainSpell* actual = nullptr;
};

/// What was true in turn: the step that ended a spell began the next.
template <class Spell>
class Timeline {
  public:
    /// Ends the running spell and starts the next. Without a step the next was there from the start.
    void follow(Spell next, const std::optional<Interval>& step, unsigned line) {
        if (!step) {
            spells_.clear();
        } else if (!spells_.empty()) {
            spells_.back().life.ended = step;
            spells_.back().life.ended_line = line;
            over_ = std::max(over_, step->end);
        }
        next.life = {step, std::nullopt, line, 0};
        spells_.push_back(std::move(next));
    }
    /// The running spell, if it held throughout the window and no other was possible in it.
    [[nodiscard]] const Spell* steady(const Interval& w) const {
        const bool is = !spells_.empty() && spells_.back().life.throughout(w) &&
                        (spells_.size() == 1 || over_ < w.begin);
        return is ? &spells_.back() : nullptr;
    }
    /// Forgets the oldest that ended before the instant, but keeps so many.
    void prune(Nanoseconds before, std::size_t keep) {
        while (spells_.size() > keep && spells_.front().life.ended && spells_.front().life.ended->end < before)
            spells_.pop_front();
    }
    [[nodiscard]] bool empty() const { return spells_.empty(); }
    [[nodiscard]] std::size_t size() const { return spells_.size(); }
    [[nodiscard]] auto begin() const { return spells_.begin(); }
    [[nodiscard]] auto end() const { return spells_.end(); }

  private:
    std::deque<Spell> spells_;  ///< oldest first; only the last one runs
    Nanoseconds over_;          ///< all others had ended by then
};

class History {
  public:
    /// A change that was there from the start (`step` missing) or that a step made.
    void apply(const Change& change, const std::optional<Interval>& step, unsigned line);

    /// What is kept of a device.
    class Device {
        friend class History;
        struct GateSpell {
            bool open;
            Lifetime life;
        };
        std::size_t group = 0;  ///< index of its domains
        Timeline<GateSpell> gate;
        Timeline<DomainSpell> declared;  ///< empty: the model keeps no books per device
    };
    /// nullptr if no fact named it.
    [[nodiscard]] const Device* find(std::string_view device) const {
        const auto it = devices_.find(device);
        return it == devices_.end() ? nullptr : &it->second;
    }
    [[nodiscard]] const std::string& name_of(SpaceId space) const { return spaces_.at(space.value).name; }
    /// Pointers in the answer live until the next apply() or forget().
    [[nodiscard]] Outlook look(const std::string& device, const IovaRange& range,
                               const Interval& window) const;
    class Watch;
    /// The domain the device's owner was told last, if that is certain of the whole window, else nullptr: by the
    /// device's own books, or, where the model keeps none, the group's domain. It lives as those of look().
    [[nodiscard]] const DomainSpell* certainly_declared(const Device& device, const Interval& window) const;
    /// The devices that were so throughout the window. None if the model keeps no books per device.
    [[nodiscard]] std::vector<Estranged> estranged(const Interval& window) const;
    /// Where it is remembered that `a` led to this memory, the device's own group's spaces first.
    [[nodiscard]] std::vector<Trail> whence(const std::string& device, Iova a, const Backing& memory) const;

    /// Nothing will ask about an instant before this one again. A little is kept for explanations.
    void forget(Nanoseconds before);
    /// True if both answer every question about instants from this one on alike, but for the lines they name.
    [[nodiscard]] bool same_since(Nanoseconds before, const History& other) const;
    /// Ended spells that are kept, for tests of the memory bound.
    [[nodiscard]] std::size_t remembered() const;

  private:
    struct Space {
        std::string name;
        std::map<Iova, MappingSpell> live;
        std::deque<MappingSpell> dead;  ///< in the order they ended
        /// The mapping of all the range, if it held throughout the window and no other was possible in it.
        [[nodiscard]] const MappingSpell* steady(const IovaRange& range, const Interval& window) const;
    };
    [[nodiscard]] std::size_t group_index(std::uint32_t number);
    void unmap(const AreaUnmapped& change, const std::optional<Interval>& step, unsigned line);
    void collect(const DomainSpell& domain, const IovaRange& range, const Interval& window,
                 std::vector<Outlook::Found>& out) const;
    [[nodiscard]] const DomainSpell* last_stay(const Device& device, SpaceId space) const;
    [[nodiscard]] const Timeline<DomainSpell>& books_of(const Device& device) const;

    std::vector<Space> spaces_;  ///< by SpaceId
    std::size_t news_ = 0;       ///< changes since it forgot last
    std::vector<std::uint32_t> group_numbers_;
    std::vector<Timeline<DomainSpell>> groups_;  ///< in the same order
    ByName<Device> devices_;
};

/// Looks at one device's addresses during one window, again and again.
class History::Watch {
  public:
    /// All of them outlive it.
    Watch(const History& history, const Device& device, const Interval& window);
    /// As History::look(), into the memory of an answer that is not needed any more.
    void look(const IovaRange& range, Outlook& out) const;

  private:
    [[nodiscard]] bool look_steady(const IovaRange& range, Outlook& out) const;

    const History& history_;
    const Device& device_;
    const Interval& window_;
    const DomainSpell* steady_ = nullptr;  ///< what the device went through, if nothing changed meanwhile
    const Space* space_ = nullptr;         ///< of it
};

}  // namespace landfall
