// Which lines of a trace may have had a part in a violation?
#pragma once

#include <set>
#include <string>

#include "landfall/checker.hpp"

namespace landfall {

/// How far to look.
enum class Reach {
    address,  ///< what made the addresses of the violation what they were
    group,    ///< all that concerns the group, its domains and its DMA
    all,
};

class Relevance {
  public:
    Relevance(const Trace& trace, const Violation& violation, Reach reach);
    /// Any line but `end`.
    [[nodiscard]] bool has(const Line& line) const;

  private:
    void begin_with(const Line& line);
    [[nodiscard]] bool has(const Step& step) const;
    [[nodiscard]] bool concerns_group(const Step& step) const;
    [[nodiscard]] bool touches(const std::optional<IovaRange>& range) const;

    Reach reach_;
    std::set<unsigned> lines_;                    ///< that the violation names itself
    std::set<std::string, std::less<>> devices_;  ///< of the groups concerned
    std::set<std::string, std::less<>> objects_;  ///< IOASes, HWPTs, buffers
    std::vector<IovaRange> ranges_;               ///< whole pages; none: any
};

}  // namespace landfall
