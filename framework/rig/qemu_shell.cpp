// `landfall rig shell`: somebody's terminal connected to the guest's console.
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "os/keeper.hpp"
#include "rig/qemu_rig.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTypingLimit{10'000};
constexpr std::string_view kExit = "exit ";

// Keys go to the guest one by one, Ctrl-C too. A keeper puts the terminal back, so it is never left raw.
class RawTerminal {
  public:
    explicit RawTerminal(int fd) {
        termios before{};
        std::array<char, 256> name{};
        if (tcgetattr(fd, &before) != 0 || ttyname_r(fd, name.data(), name.size()) != 0)
            return;  // no terminal
        keeper_.emplace([before, name] {
            const int terminal = open(name.data(), O_RDWR | O_NOCTTY);
            tcsetattr(terminal, TCSANOW, &before);
        });
        termios raw = before;
        cfmakeraw(&raw);
        tcsetattr(fd, TCSANOW, &raw);
    }

  private:
    std::optional<Keeper> keeper_;
};

void put(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = write(fd, text.data(), text.size());
        if (n <= 0 && errno != EINTR) return;  // whoever looked has gone; the shell goes on
        if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
    }
}

/// What was typed; nullopt if there is nothing yet, empty at the end of the input.
std::optional<std::string> typed(int in) {
    pollfd ready{in, POLLIN, 0};
    if (in < 0 || poll(&ready, 1, 0) <= 0) return std::nullopt;
    std::array<char, 4096> keys;
    const ssize_t n = read(in, keys.data(), keys.size());
    return std::string(keys.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
}

}  // namespace

int QemuRig::shell(int in, int out) {
    const RawTerminal raw(in);
    console_.show([out](std::string_view text) { put(out, text); });
    channel_.send("shell", Deadline(step_limit_));
    for (;;) {
        while (const auto line = channel_.next_line()) {
            int status = 0;
            if (!line->starts_with(kExit)) continue;
            std::from_chars(line->data() + kExit.size(), line->data() + line->size(), status);
            console_.show({});
            return status;
        }
        if (!channel_.pump(Deadline(std::chrono::hours(1)), in)) throw channel_.died("the guest is gone");
        auto keys = typed(in);
        if (!keys) continue;
        if (keys->find(kEscape) != std::string::npos) return 0;
        if (keys->empty()) {
            in = -1;
            keys = "\nexit\n";
        }
        if (!console_.type(*keys, Deadline(kTypingLimit)))
            throw channel_.died("the guest takes no more input");
    }
}

}  // namespace landfall
