// The half of the grammar's parser that reads steps; line_parse.cpp reads what stands around them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "landfall/step.hpp"

namespace landfall {

class Cursor;

/// The step whose verb the cursor has just taken; nullopt if there is no such verb.
[[nodiscard]] std::optional<Step> parse_step(std::string_view verb, Cursor& in);
/// "a step: require, buffer, ...", for messages.
[[nodiscard]] std::string known_steps();
/// What stands behind dma, start and pump, in a step or in an event.
[[nodiscard]] DmaRequest parse_dma(Cursor& in);

}  // namespace landfall
