// Which faults the IOMMU may report: every page a device may have been blocked at so far.
#pragma once

#include <map>
#include <string>

#include "landfall/account.hpp"

namespace landfall {

/// A set of addresses, kept as disjoint closed ranges. Memory grows with the holes in it, not with what was
/// added.
class IovaSet {
  public:
    void add(const IovaRange& range) { add(range.start.value, range.last().value); }
    void add(const IovaSet& other);
    [[nodiscard]] bool contains(Iova a) const;
    [[nodiscard]] std::size_t pieces() const { return ranges_.size(); }

  private:
    void add(std::uint64_t first, std::uint64_t last);
    std::map<std::uint64_t, std::uint64_t> ranges_;  ///< first -> last
};

class FaultLog {
  public:
    /// Notes where this DMA may have been blocked.
    void add(const Scene& scene, const DmaRequest& request, const Account& account);
    /// Notes what another log does.
    void add(const FaultLog& other);
    /// A DMA noted so far may have caused this fault.
    [[nodiscard]] bool explains(const std::string& device, const FaultEvent& fault) const;

  private:
    struct Blocked {
        IovaSet read, write;
    };
    std::map<std::string, Blocked, std::less<>> blocked_;
};

/// An engine may look at its rings whenever it likes; true if that may have faulted at this address in the
/// window.
[[nodiscard]] bool rings_may_fault(const History& history, const Scene& scene, const std::string& device,
                                   Iova address, const Interval& window);

}  // namespace landfall
