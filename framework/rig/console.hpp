// What a machine says besides the protocol: its serial console, and what QEMU itself complains of.
#pragma once

#include <poll.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "os/deadline.hpp"
#include "os/fd.hpp"

namespace landfall {

class Console {
  public:
    /// `serial` is the guest's console, `errors` the stderr of what runs it. Either may be missing.
    Console(Fd serial, Fd errors);

    /// What the guest's console said before this one was there.
    void add_earlier(const std::string& text) { serial_.text.insert(0, text); }

    /// Takes what is there now, without waiting.
    void drain();
    /// Takes what comes until nothing came for a moment, both ends closed or the deadline passed.
    void settle(const Deadline& deadline);
    /// What to wait on beside a channel.
    [[nodiscard]] std::vector<pollfd> waits() const;

    /// Everything of the last few MiB, serial first, then errors; lines end in \n.
    [[nodiscard]] std::string text() const;
    /// The last lines of it.
    [[nodiscard]] std::string tail() const;
    /// The line in which the kernel said it is broken (panic, oops, BUG, general protection fault); empty if
    /// it did not.
    [[nodiscard]] const std::string& last_words() const { return last_words_; }
    /// QEMU said that its accelerator broke down. It then neither ends nor runs its guest.
    [[nodiscard]] bool accelerator_failed() const;

    /// Types on the serial console. False: it is gone, or took nothing until the deadline.
    [[nodiscard]] bool type(std::string_view text, const Deadline& deadline);
    /// Shows everything the serial console says from now on, as it comes; an empty function ends that.
    void show(std::function<void(std::string_view)> take) { show_ = std::move(take); }

  private:
    struct Stream {
        Fd fd;
        std::string text;
    };
    /// Returns how many bytes came.
    static std::size_t take(Stream& stream);
    static void forget_oldest(Stream& stream);
    void look_for_last_words(std::string_view fresh);

    Stream serial_, errors_;
    std::function<void(std::string_view)> show_;
    std::string unfinished_;  ///< the serial line that has no end yet
    std::string last_words_;
};

}  // namespace landfall
