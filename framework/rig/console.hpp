// What a machine says besides the protocol: its serial console, and what QEMU itself complains of.
#pragma once

#include <poll.h>

#include <string>
#include <vector>

#include "os/deadline.hpp"
#include "os/fd.hpp"

namespace landfall {

class Console {
  public:
    /// `serial` is the guest's console, `errors` the stderr of what runs it. Either may be missing.
    Console(Fd serial, Fd errors);

    /// Takes what is there now, without waiting.
    void drain();
    /// Takes what comes until nothing came for a moment, both ends closed or the deadline passed.
    void settle(const Deadline& deadline);
    /// What to wait on beside a channel.
    [[nodiscard]] std::vector<pollfd> waits() const;

    /// Everything of the last few MiB: serial first, then errors.
    [[nodiscard]] std::string text() const;
    /// The last lines of it.
    [[nodiscard]] std::string tail() const;
    /// The line in which the kernel said it is broken (panic, oops, BUG, general protection fault); empty if it did not.
    [[nodiscard]] const std::string& last_words() const { return last_words_; }
    /// QEMU said that its accelerator broke down. It then neither ends nor runs its guest.
    [[nodiscard]] bool accelerator_failed() const;
    [[nodiscard]] const std::string& serial_text() const { return serial_.text; }
    [[nodiscard]] int serial() const { return serial_.fd.get(); }

  private:
    struct Stream {
        Fd fd;
        std::string text;
    };
    /// True if anything came.
    static bool take(Stream& stream);
    void look_for_last_words();

    Stream serial_, errors_;
    std::size_t searched_ = 0;  ///< how much of the serial text held no last words
    std::string last_words_;
};

}  // namespace landfall
