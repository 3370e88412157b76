// YAML whose every mistake is reported as file:line:column, what was found and what was expected.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace landfall {

/// A node that knows its file. Every accessor throws TextError if the node is not what was asked for.
class Yaml {
  public:
    /// A file of one YAML document, without aliases.
    [[nodiscard]] static Yaml read(std::istream& in, const std::string& file);
    [[nodiscard]] static Yaml parse(const std::string& text, const std::string& file);

    /// A mapping with none but these keys, each at most once.
    void keys(std::initializer_list<std::string_view> allowed) const;
    /// The value of a key of a mapping; nullopt if it is not there.
    [[nodiscard]] std::optional<Yaml> find(std::string_view key) const;
    /// The value of a key that must be there.
    [[nodiscard]] Yaml at(std::string_view key) const;
    [[nodiscard]] std::vector<Yaml> list() const;
    /// Each key once.
    [[nodiscard]] std::vector<std::pair<Yaml, Yaml>> pairs() const;

    [[nodiscard]] bool is_map() const { return node_.IsMap(); }

    /// A scalar, maybe empty.
    [[nodiscard]] std::string scalar() const;
    /// A scalar that is not empty.
    [[nodiscard]] std::string text() const;
    [[nodiscard]] bool flag() const;  ///< true or false
    [[nodiscard]] std::uint64_t number(std::uint64_t least, std::uint64_t most) const;
    /// "512M" or "1G", in MiB.
    [[nodiscard]] std::uint64_t mebibytes(std::uint64_t least, std::uint64_t most) const;
    /// A list of words, or one text with spaces between them.
    [[nodiscard]] std::vector<std::string> words() const;

    [[noreturn]] void fail(const std::string& expected) const;

  private:
    Yaml(YAML::Node node, std::string file) : node_(std::move(node)), file_(std::move(file)) {}

    YAML::Node node_;
    std::string file_;
};

}  // namespace landfall
