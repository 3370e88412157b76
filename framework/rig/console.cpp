#include "rig/console.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace landfall {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kKept = 4U << 20;
constexpr std::size_t kTailLines = 60;
constexpr milliseconds kSilence{200};

// kernel/panic.c; arch/x86/kernel/dumpstack.c; BUG: is KASAN, soft lockups, bad page tables and more.
constexpr std::array<std::string_view, 4> kLastWords{"Kernel panic",
                                                     "Oops:", "BUG:", "general protection fault"};

void unblock(const Fd& fd) {
    if (fd) fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

}  // namespace

Console::Console(Fd serial, Fd errors) : serial_{std::move(serial), {}}, errors_{std::move(errors), {}} {
    unblock(serial_.fd);
    unblock(errors_.fd);
}

std::size_t Console::take(Stream& stream) {
    const std::size_t before = stream.text.size();
    std::array<char, 16384> buffer;
    while (stream.fd) {
        const ssize_t n = read(stream.fd.get(), buffer.data(), buffer.size());
        if (n > 0) {
            stream.text.append(buffer.data(), static_cast<std::size_t>(n));
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            stream.fd.reset();
        } else if (errno == EAGAIN) {
            break;
        }
    }
    return stream.text.size() - before;
}

void Console::forget_oldest(Stream& stream) {
    if (stream.text.size() > 2 * kKept) stream.text.erase(0, stream.text.size() - kKept);
}

void Console::drain() {
    if (const std::size_t fresh = take(serial_); fresh > 0) {
        const auto text = std::string_view(serial_.text).substr(serial_.text.size() - fresh);
        if (show_) show_(text);
        look_for_last_words(text);
    }
    take(errors_);
    forget_oldest(serial_);
    forget_oldest(errors_);
}

bool Console::type(std::string_view text, const Deadline& deadline) {
    while (serial_.fd && !text.empty()) {
        const ssize_t n = send(serial_.fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (n > 0) {
            text.remove_prefix(static_cast<std::size_t>(n));
        } else if (n < 0 && errno == EAGAIN) {
            pollfd room{serial_.fd.get(), POLLOUT, 0};
            if (!wait_any({&room, 1}, deadline)) return false;
        } else if (n < 0 && errno != EINTR) {
            return false;
        }
    }
    return text.empty();
}

void Console::settle(const Deadline& deadline) {
    for (auto fds = waits(); !fds.empty(); fds = waits()) {
        if (!wait_any(fds, Deadline(std::min(deadline.left(), kSilence)))) break;
        drain();
    }
}

std::vector<pollfd> Console::waits() const {
    std::vector<pollfd> out;
    for (const Stream* s : {&serial_, &errors_}) {
        if (s->fd) out.push_back({s->fd.get(), POLLIN, 0});
    }
    return out;
}

void Console::look_for_last_words(std::string_view fresh) {
    unfinished_ += fresh;
    std::size_t start = 0;
    for (std::size_t end; (end = unfinished_.find('\n', start)) != std::string::npos; start = end + 1) {
        const auto line = std::string_view(unfinished_).substr(start, end - start);
        const bool last = std::any_of(kLastWords.begin(), kLastWords.end(), [line](std::string_view words) {
            return line.find(words) != std::string_view::npos;
        });
        if (last && last_words_.empty()) last_words_ = line.substr(0, line.find('\r'));
    }
    unfinished_.erase(0, start);
}

bool Console::accelerator_failed() const {
    return errors_.text.find("KVM internal error") != std::string::npos;
}

std::string Console::text() const {
    std::string all = serial_.text + errors_.text;
    all.erase(std::remove(all.begin(), all.end(), '\r'), all.end());  // a serial line ends in \r\n
    return all;
}

std::string Console::tail() const {
    const std::string all = text();
    std::size_t start = all.size();
    for (std::size_t lines = 0; start > 0 && lines <= kTailLines; --start) {
        if (all[start - 1] == '\n' && ++lines > kTailLines) break;
    }
    return all.substr(start);
}

}  // namespace landfall
