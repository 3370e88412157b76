#include "landfall/error.hpp"

#include <fmt/format.h>

namespace landfall {
namespace {

std::string message(const TextError::Where& w, const std::string& found, const std::string& expected) {
    std::string at = w.file;
    if (w.line != 0) at += fmt::format(":{}", w.line);
    if (w.column != 0) at += fmt::format(":{}", w.column);
    if (found.empty()) return fmt::format("{}: expected {}", at, expected);
    return fmt::format("{}: found '{}', expected {}", at, found, expected);
}

}  // namespace

TextError::TextError(Where where, std::string found, std::string expected)
    : std::runtime_error(message(where, found, expected)),
      where_(std::move(where)),
      found_(std::move(found)),
      expected_(std::move(expected)) {}

}  // namespace landfall
