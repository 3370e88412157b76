// Lines to and from a rig, with an eye on its console all the while.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "os/deadline.hpp"
#include "os/fd.hpp"
#include "rig/console.hpp"
#include "rig/rig.hpp"

namespace landfall {

class Channel {
  public:
    /// `socket` speaks both ways. The console outlives the channel.
    Channel(Fd socket, Console& console);

    /// Sends one line. Throws RigDied when the deadline passes before the rig took it. One that is gone takes nothing, which
    /// receive() tells behind the last that it said: a machine that replays does not wait for us, and may have ended well.
    void send(std::string_view line, const Deadline& deadline);
    /// What a message that the channel was closed says of it: how whoever was at the other end has ended, or nothing.
    void explain_end(std::function<std::string()> how) { how_it_ended_ = std::move(how); }
    /// From now on send() sends nothing: the rig has what it would be told already.
    void mute() { mute_ = true; }
    /// Sends one line to a rig that asked for it, which it does not have already. Throws as send().
    void answer(std::string_view line, const Deadline& deadline);
    /// The next line. Throws RigDied when the channel closes, the console shows the kernel's last words, or
    /// the deadline passes; `waiting_for` is what the message says nobody answered.
    [[nodiscard]] std::string receive(const Deadline& deadline, const std::string& waiting_for);
    /// Waits until channel, console or `also` (if >= 0) has something, and takes what the first two have.
    /// False when the channel is closed.
    [[nodiscard]] bool pump(const Deadline& deadline, int also = -1);
    [[nodiscard]] std::optional<std::string> next_line();
    /// How to say that the rig is gone, with what its console says by now. The channel counts as broken from
    /// then on.
    [[nodiscard]] RigDied died(const std::string& why);
    [[nodiscard]] bool broken() const { return broken_; }

  private:
    [[nodiscard]] RigDied closed(const std::string& waiting_for);

    Fd socket_;
    Console& console_;
    std::function<std::string()> how_it_ended_;
    std::string received_;
    bool broken_ = false, mute_ = false;
};

}  // namespace landfall
