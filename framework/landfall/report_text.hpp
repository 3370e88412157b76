// Setting text in columns.
#pragma once

#include <string>
#include <string_view>

#include "landfall/report.hpp"

namespace landfall::text {

/// Columns a UTF-8 text takes; all our characters are one column wide.
[[nodiscard]] std::size_t columns(std::string_view s);
/// Cut to that many columns, with an ellipsis if anything was lost.
[[nodiscard]] std::string clip(std::string_view s, std::size_t width);
/// Filled up with blanks.
[[nodiscard]] std::string pad(std::string_view s, std::size_t width);
/// Broken at blanks to `width` columns, every line but the first behind `indent` blanks.
[[nodiscard]] std::string wrap(std::string_view s, std::size_t width, std::size_t indent);
/// "1 fault", "2 faults".
[[nodiscard]] std::string counted(std::uint64_t n, std::string_view noun);
/// "104.924 ms".
[[nodiscard]] std::string milliseconds(Nanoseconds t);

enum class Ink { plain, bold, dim, green, red, yellow };
[[nodiscard]] std::string paint(const ReportStyle& style, Ink ink, std::string_view s);

/// The body of a line and what came of it, without times and comments.
[[nodiscard]] std::string body(const Line& line);

}  // namespace landfall::text
