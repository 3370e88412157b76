// Faults that must be reported still. Most IOMMUs merge fault reports, so a missing one proves nothing; a rig
// with the feature `every-fault` reports at least one for every DMA it blocked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "landfall/account.hpp"

namespace landfall {

/// A DMA that was certainly blocked. The fault may be reported at any time from its begin on.
struct Debt {
    std::string device;
    Bdf requester;         ///< that its faults are reported for
    Access access;         ///< read or write
    IovaRange page;        ///< where it was blocked
    bool starved = false;  ///< or before it got there, when it fetched its rings
    Interval window;
    unsigned line = 0, start_line = 0;
    bool operator==(const Debt&) const = default;
};

/// What a DMA owes: the fault at the first page where it may have been blocked, if there it must have been. A
/// device that was refused may give up the rest, so nothing behind that page is certain.
[[nodiscard]] std::optional<Debt> debt_of(const Scene& scene, const DmaRequest& request,
                                          const Interval& window, const Account& account);

/// One fault pays for one DMA. Nothing is owed twice, and where it is not certain which DMA a fault belongs
/// to it pays for the one that is hardest to pay for, so what is left unpaid was never reported.
class FaultDebts {
  public:
    void owe(Debt debt);
    /// A fault that was reported at that time, at the latest. In order of time.
    void pay(const Scene& scene, const FaultEvent& fault, Nanoseconds at);
    /// No DMA still to come began before this instant.
    void forget(Nanoseconds before);
    [[nodiscard]] std::vector<Debt> unpaid() const;
    /// Pages kept track of, for tests of the memory bound.
    [[nodiscard]] std::size_t pages() const { return ledgers_.size(); }
    bool operator==(const FaultDebts&) const = default;

  private:
    struct Key {
        Bdf requester;
        Iova page;
        bool write;
        auto operator<=>(const Key&) const = default;
    };
    struct Ledger {
        std::multimap<Nanoseconds, Debt> open;  ///< by their begins
        std::map<Nanoseconds, unsigned> spare;  ///< faults that have paid for nothing yet
        Nanoseconds latest;                     ///< fault of all
        bool operator==(const Ledger&) const = default;
    };
    void pay(Ledger& ledger, Nanoseconds at);
    void sweep();

    std::map<Key, Ledger> ledgers_;
    std::map<Bdf, Nanoseconds> rings_;  ///< latest fault of each requester in the staging window
    Nanoseconds before_;
    std::size_t sweep_at_ = 1024;  ///< ledgers
};

}  // namespace landfall
