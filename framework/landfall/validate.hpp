// What can be told about a scenario without running it.
#pragma once

#include <string>
#include <vector>

#include "landfall/scenario.hpp"

namespace landfall {

/// The devices a step names, in order.
[[nodiscard]] std::vector<std::string> devices_of(const Step& step);

/// Checks step by step: names (declared once, before use, of the right kind), slices within their buffers, start/wait
/// and pump/halt in pairs, and expectations that the step could have. Throws TextError.
class Validator {
  public:
    explicit Validator(std::string file) : file_(std::move(file)) {}
    /// `text` is the line as written, to point at the offending word; it may be empty.
    void step(const Line& line, std::string_view text);
    /// Throws if a background DMA was left running.
    void finish() const;

  private:
    enum class Kind { buffer, ioas, hwpt, device };
    struct Known {
        std::string name;
        Kind kind;
        Buffer buffer;  ///< only for Kind::buffer
    };
    struct Busy {
        std::string device;
        bool pump;
        unsigned line;
    };
    [[noreturn]] void fail(const Line& line, const std::string& found, const std::string& expected) const;
    void declare(const Line& line, Known known);
    void use(const Line& line, const std::string& name, std::initializer_list<Kind> kinds, const char* what);
    const Buffer& buffer(const Line& line, const BufferSlice& slice);
    void map(const Line& line, const Map& step);
    void expectation(const Line& line) const;
    void busy(const Line& line, const std::string& device, bool pump);
    void idle(const Line& line, const std::string& device, bool pump);

    std::string file_;
    std::string_view text_;  ///< of the line being checked
    std::vector<Known> known_;
    std::vector<Busy> busy_;
};

}  // namespace landfall
