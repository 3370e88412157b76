// A hash that tells contents apart, 128 bits of XXH3: for damage and for change, not for an adversary.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct XXH3_state_s;

namespace landfall {

class ContentHash {
  public:
    using Digest = std::array<std::byte, 16>;

    ContentHash();
    void add(std::span<const std::byte> bytes);
    /// With its length, so that neighbours cannot be mistaken for each other.
    void add_text(std::string_view text);
    /// All of a file, from its beginning. Throws LabError, which names it `what`.
    void add_file(int fd, const std::string& what);
    [[nodiscard]] Digest digest() const;
    [[nodiscard]] std::string hex() const;

  private:
    struct Free {
        void operator()(XXH3_state_s* state) const;
    };
    std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace landfall
