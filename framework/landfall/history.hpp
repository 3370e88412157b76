// What devices may have seen, and when. Every change happens somewhere in the closed interval of the step
// that made it: during the step both before and after are possible, outside of it exactly one is. Steps may
// overlap.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "landfall/model.hpp"

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
};

/// Addresses with the same candidates.
struct Stretch {
    IovaRange range;
    std::vector<Candidate> candidates;
    /// The access may have been blocked here for want of a mapping that allows it throughout.
    [[nodiscard]] bool may_block(Access wanted) const;
};

/// What a device may have seen of a range of IOVAs during a window.
struct Outlook {
    std::vector<DomainSpell const*> domains;  ///< that the group may have been on, oldest first
    std::vector<Stretch> stretches;           ///< in order, covering the range
    bool may_be_shut = false;    ///< the whole DMA may have been blocked: no domain, a change, no bus master
    bool may_be_open = true;     ///< the device may have been able to put something on the bus
    bool may_be_closed = false;  ///< it may not have been: closed, or being reset
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

class History {
  public:
    /// A change that was there from the start (`step` missing) or that a step made.
    void apply(const Change& change, const std::optional<Interval>& step, unsigned line);

    [[nodiscard]] bool knows(const std::string& device) const { return devices_.contains(device); }
    [[nodiscard]] const std::string& name_of(SpaceId space) const { return spaces_.at(space.value).name; }
    /// Pointers in the answer live until the next apply() or forget().
    [[nodiscard]] Outlook look(const std::string& device, const IovaRange& range,
                               const Interval& window) const;
    /// The domains the device's owner may have been told last at some instant of the window, oldest first: by
    /// the device's own books, or, where the model keeps none, the group's domain. Pointers live as those of
    /// look().
    [[nodiscard]] std::vector<const DomainSpell*> declared(const std::string& device,
                                                           const Interval& window) const;
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
    };
    struct GateSpell {
        bool open;
        Lifetime life;
    };
    struct Device {
        std::uint32_t group = 0;
        std::deque<GateSpell> gate;
        std::deque<DomainSpell> declared;  ///< empty: the model keeps no books per device
    };
    struct Found {
        IovaRange range;
        Candidate candidate;
    };

    void unmap(const AreaUnmapped& change, const std::optional<Interval>& step, unsigned line);
    void collect(const DomainSpell& domain, const IovaRange& range, const Interval& window,
                 std::vector<Found>& out) const;
    [[nodiscard]] const DomainSpell* last_stay(const Device& device, SpaceId space) const;

    std::vector<Space> spaces_;  ///< by SpaceId
    std::map<std::uint32_t, std::deque<DomainSpell>> groups_;
    std::map<std::string, Device, std::less<>> devices_;
};

}  // namespace landfall
