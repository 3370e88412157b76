// Changes to a text that leave most of it what it was: lines and words, where libFuzzer itself knows bytes.
#pragma once

#include <string>
#include <string_view>

#include "landfall/random.hpp"

namespace landfall::fuzz {

/// A line or a few left out, doubled or moved, or a word put in another's place.
[[nodiscard]] std::string mutate(std::string_view text, Choices& choices);
/// Some lines of `other` in the middle of `text`.
[[nodiscard]] std::string cross(std::string_view text, std::string_view other, Choices& choices);

}  // namespace landfall::fuzz
