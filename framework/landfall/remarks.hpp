// What the program behind a trace may not know about itself. No verdict: the kernel did as it should, the
// program lives with groups it does not seem to know of. A pure function.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "landfall/trace.hpp"

namespace landfall {

struct Remark {
    std::string id;               ///< one of remark_infos()
    std::vector<unsigned> lines;  ///< of the trace, ascending: where to look
    std::string text;             ///< one line
};

/// Made from the trace of a program that knew what it wanted, not of a scenario, which breaks every rule on
/// purpose. What lasts for a moment only, because there is one call a device, is no remark. Ordered by their
/// first lines.
[[nodiscard]] std::vector<Remark> remarks(const Trace& trace);

struct RemarkInfo {
    std::string_view id, meaning;
};
[[nodiscard]] std::vector<RemarkInfo> remark_infos();

/// An observation says in comments what its trace cannot: a call that is no step, ...
inline constexpr std::string_view kNotJudged = "not judged: ";
/// ... and what it has lost sight of, so that silence proves nothing from there on.
inline constexpr std::string_view kNotFollowed = "not followed: ";

/// How many calls of each name are in the trace as comments only; and what is not followed, word by word.
struct Omissions {
    std::map<std::string, unsigned> not_judged;
    std::vector<std::string> not_followed;
};
[[nodiscard]] Omissions omissions(const Trace& trace);

}  // namespace landfall
