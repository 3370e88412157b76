// What can be told about a scenario without running it.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "landfall/scenario.hpp"

namespace landfall {

/// The devices a step names, in order.
[[nodiscard]] std::vector<std::string> devices_of(const Step& step);

/// The device whose engine a step uses; empty if none.
[[nodiscard]] std::string driven_by(const Step& step);

/// The request whose DMA a step begins, or begins to repeat; nullptr if it begins none.
[[nodiscard]] const DmaRequest* begun_by(const Step& step);

/// Checks step by step: names (declared once, before use, of the right kind), slices within their buffers,
/// start/wait and pump/halt in pairs, and expectations that the step could meet. Throws TextError.
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
        Buffer buffer;                 ///< only for Kind::buffer
        unsigned block = 0, lane = 0;  ///< where it was declared
    };
    struct Busy {
        DmaRequest request;
        bool pump;
        unsigned line;
    };
    [[noreturn]] void fail(const std::string& found, const std::string& expected) const;
    [[noreturn]] void fail_expectation(const Outcome& found, const std::string& expected) const;
    void declare(Known known);
    const Known& use(const std::string& name, std::initializer_list<Kind> kinds, const char* what);
    void use_domain(const std::string& name) { use(name, {Kind::ioas, Kind::hwpt}, "an IOAS or HWPT"); }
    void use_ioas(const std::string& name) { use(name, {Kind::ioas}, "an IOAS"); }
    void in_lane(const Line& line);
    const Buffer& use_buffer(const BufferSlice& slice);
    void map(const Map& step);
    void idle(const std::string& device) const;
    void control(const DeviceControl& step) const;
    void begin(const DmaRequest& request, bool pump);
    DmaRequest end(const std::string& device, bool pump);
    void expectation(const Step& step, const Outcome& expected);
    void expected_answer(const Step& step, const Answer& expected) const;
    void expected_landing(const DmaRequest& request, const Landing& expected);
    void expected_segments(const std::vector<Segment>& segments);

    std::string file_;
    unsigned line_ = 0;                       ///< of the line being checked
    std::string_view text_;                   ///< of the line being checked
    unsigned lane_ = 0;                       ///< of the line being checked
    unsigned block_ = 0;                      ///< counts the blocks of lanes and the steps between them
    std::map<std::string, unsigned> driver_;  ///< the lane that drives a device in this block
    std::vector<Known> known_;
    std::vector<Busy> busy_;
    DmaRequest ended_;  ///< what the `wait` being checked waits for
};

}  // namespace landfall
