// Tables of whole numbers, packed so that a million rows stay a file one can send.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <vector>

namespace landfall {

/// One column: the difference of each number to the one before, zigzag, seven bits a byte (LEB128), base64.
/// page/data.js reads it.
class Column {
  public:
    void add(std::int64_t value);
    /// A number if all rows have it, else text.
    [[nodiscard]] nlohmann::json json() const;

  private:
    std::string bytes_;
    std::uint64_t last_ = 0;
    std::int64_t first_ = 0;
    bool empty_ = true, constant_ = true;
};

template <class Row, class Get>
[[nodiscard]] nlohmann::json column(const std::vector<Row>& rows, Get get) {
    Column out;
    for (const auto& row : rows) out.add(static_cast<std::int64_t>(get(row)));
    return out.json();
}

/// The numbers a script counts in are doubles: what is larger than they hold exactly becomes their largest.
[[nodiscard]] constexpr std::uint64_t exact(std::uint64_t value) {
    return std::min<std::uint64_t>(value, (1ULL << 53U) - 1);
}

/// Texts that rows refer to by number, each kept once.
class Texts {
  public:
    static constexpr std::int32_t kNone = -1;
    /// kNone for an empty text.
    std::int32_t add(const std::string& text);
    [[nodiscard]] const std::vector<std::string>& all() const { return all_; }

  private:
    std::unordered_map<std::string, std::int32_t> numbers_;
    std::vector<std::string> all_;
};

}  // namespace landfall
