// Walks over one line, token by token, and knows where it stands when something is wrong.
#pragma once

#include <string>
#include <string_view>

#include "landfall/error.hpp"
#include "landfall/types.hpp"

namespace landfall {

class Cursor {
  public:
    /// `text` and `file` outlive it.
    Cursor(std::string_view text, std::string_view file, unsigned line)
        : text_(text), file_(file), line_(line) {
        find_token();
    }

    [[nodiscard]] bool at_end() const { return token_.empty(); }
    /// At the end, or before the "=>" of an outcome.
    [[nodiscard]] bool at_clause_end() const { return at_end() || token_ == "=>"; }
    /// The next token without taking it; empty at the end.
    [[nodiscard]] std::string_view peek() const { return token_; }
    /// Takes the next token if it is `word`.
    bool accept(std::string_view word) {
        if (token_ != word) return false;
        take();
        return true;
    }
    void expect(std::string_view word);
    /// Takes the next token, whatever it is; `what` says what was expected at the end of the line.
    std::string_view word(std::string_view what);
    /// The text behind '#'; only at_end().
    [[nodiscard]] std::string comment() const;

    std::string name(std::string_view what);
    std::uint64_t number(std::string_view what);
    std::uint64_t size(std::string_view what);
    Iova iova();
    IovaRange range();
    Access access();
    Bdf bdf();
    BufferSlice slice();
    Nanoseconds duration();
    std::string quoted();

    /// Throws TextError at the start of the token taken last (or, with nothing taken, where the cursor stands).
    [[noreturn]] void fail(std::string_view expected) const;
    /// Throws TextError at the next token.
    [[noreturn]] void fail_here(std::string_view expected) const;

  private:
    void take();
    void find_token();
    [[nodiscard]] std::string_view token_at(std::size_t position) const;
    [[noreturn]] void fail_at(std::size_t position, std::string_view found, std::string_view expected) const;

    std::string_view text_, file_;
    unsigned line_;
    std::size_t position_ = 0, last_ = 0;
    std::string_view token_;  ///< at position_; empty at the end
};

/// The start of a text as a message may show it: short, and printable ASCII whatever stood there.
[[nodiscard]] std::string excerpt(std::string_view text);
/// Parses "4K", "0x1000", "12": bytes. nullopt if it is not a number or does not fit 64 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
/// Parses "0x200000+4K". nullopt if it is no range, is empty or wraps.
[[nodiscard]] std::optional<IovaRange> parse_range(std::string_view text);
/// A name starts with a letter and goes on with letters, digits, '-', '_' and '.'.
[[nodiscard]] bool is_name(std::string_view text);

}  // namespace landfall
