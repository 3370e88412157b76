#include "landfall/search_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "landfall/cursor.hpp"
#include "landfall/line.hpp"

namespace landfall {
namespace {

constexpr const char* kFile = "<witness>";
constexpr std::size_t kRangesALine = 1000;  // far below kMaxLine

GuestRange parse_guest_range(Cursor& in) {
    const auto r = in.range();
    return {{r.start.value}, r.length};
}

}  // namespace

std::vector<std::string> print_search(const StampSearch& search) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < search.owned.size(); ++i) {
        if (i % kRangesALine == 0) out.emplace_back("witness owns");
        out.back() += " " + print(search.owned[i]);
    }
    out.push_back(fmt::format("witness search {} {}", hex_str(search.key.nonce()), search.last_sequence));
    return out;
}

std::optional<StampSearch> SearchReader::take(const std::string& line) {
    Cursor in(line, kFile, 1);
    in.expect("witness");
    if (in.accept("owns")) {
        while (!in.at_end()) {
            owned_.push_back(parse_guest_range(in));
            const auto n = owned_.size();
            if (n > 1 && owned_[n - 1].start < owned_[n - 2].end()) in.fail("ranges in ascending order");
        }
        return std::nullopt;
    }
    in.expect("search");
    const StampKey key(in.number("the nonce of a run"));
    return StampSearch{key, in.number("the last sequence"), std::exchange(owned_, {})};
}

std::string print_found(const std::vector<Stamped>& found) {
    std::string out = "found";
    for (const auto& f : found) out += fmt::format(" {} seq {}", print(f.range), f.sequence);
    return out;
}

std::vector<Stamped> parse_found(const std::string& line) {
    Cursor in(line, kFile, 1);
    in.expect("found");
    std::vector<Stamped> out;
    while (!in.at_end()) {
        const auto range = parse_guest_range(in);
        in.expect("seq");
        out.push_back({range, in.number("a sequence number")});
    }
    return out;
}

}  // namespace landfall
