// A search for stamps as lines of text: `landfall exec` asks, who sees all of the memory answers.
//
//   asks      "witness owns 0x1f000+16K ..."       may come several times, ascending
//             "witness search NONCE LAST"          the last line of the question
//   answers   "found 0x1234000+4K seq 7 ..."       or "found" alone
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "landfall/stamp.hpp"

namespace landfall {

[[nodiscard]] std::vector<std::string> print_search(const StampSearch& search);
[[nodiscard]] std::string print_found(const std::vector<Stamped>& found);
/// Throws TextError.
[[nodiscard]] std::vector<Stamped> parse_found(const std::string& line);

/// Puts the lines of a question together.
class SearchReader {
  public:
    /// A line of a question, and no line of a trace.
    [[nodiscard]] static bool concerns(std::string_view line) { return line.starts_with("witness "); }
    /// Takes such a line; returns the question once it is whole. Throws TextError.
    [[nodiscard]] std::optional<StampSearch> take(const std::string& line);

  private:
    std::vector<GuestRange> owned_;
};

}  // namespace landfall
