#include "rig/channel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "landfall/line.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

// A dying kernel prints for a while; it may say why only at the end.
constexpr milliseconds kLastWordsLimit{1000};

}  // namespace

Channel::Channel(Fd socket, Console& console) : socket_(std::move(socket)), console_(console) {
    fcntl(socket_.get(), F_SETFL, fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
}

RigDied Channel::died(const std::string& why) {
    broken_ = true;
    console_.settle(Deadline(kLastWordsLimit));
    const std::string& words = console_.last_words();
    return {words.empty() ? why : "the kernel died: " + words, !words.empty(), console_.tail()};
}

RigDied Channel::closed(const std::string& waiting_for) {
    const auto how = how_it_ended_ ? how_it_ended_() : std::string();
    return died("the rig closed its channel while it should answer " + waiting_for + (how.empty() ? how : ": " + how));
}

void Channel::send(std::string_view line, const Deadline& deadline) {
    if (!mute_) answer(line, deadline);
}

void Channel::answer(std::string_view line, const Deadline& deadline) {
    const std::string text = std::string(line) + '\n';
    for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t n = ::send(socket_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (n > 0) {
            sent += static_cast<std::size_t>(n);
        } else if (n < 0 && errno == EAGAIN) {
            pollfd room{socket_.get(), POLLOUT, 0};
            if (!wait_any({&room, 1}, deadline)) throw died("the rig takes no more input");
        } else if (n < 0 && errno != EINTR) {
            return;  // gone, but what it said before is still to be read, and receive() says the rest
        }
    }
}

std::optional<std::string> Channel::next_line() {
    const auto end = received_.find('\n');
    if (end == std::string::npos) {
        if (received_.size() > kMaxLine) throw died("the rig sent a line that is too long");
        return std::nullopt;
    }
    std::string line = received_.substr(0, end);
    received_.erase(0, end + 1);
    return line;
}

bool Channel::pump(const Deadline& deadline, int also) {
    auto fds = console_.waits();
    fds.push_back({socket_.get(), POLLIN, 0});
    fds.push_back({also, POLLIN, 0});
    if (!wait_any(fds, deadline)) return true;
    console_.drain();
    std::array<char, 16384> buffer;
    const ssize_t n = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (n > 0) received_.append(buffer.data(), static_cast<std::size_t>(n));
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

std::string Channel::receive(const Deadline& deadline, const std::string& waiting_for) {
    for (bool open = true;;) {
        if (auto line = next_line()) return *line;
        if (!open) throw closed(waiting_for);
        if (!console_.last_words().empty()) throw died("");
        if (console_.accelerator_failed()) throw died("QEMU's accelerator broke down");
        if (deadline.passed()) throw died("the rig did not answer in time: " + waiting_for);
        open = pump(deadline);
    }
}

}  // namespace landfall
