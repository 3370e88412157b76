#include "rig/console.hpp"

#include <fcntl.h>
#include <fmt/format.h>
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
constexpr std::array<std::string_view, 4> kLastWords{"Kernel panic", "Oops:", "BUG:", "general protection fault"};

void unblock(const Fd& fd) {
    if (fd) fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

}  // namespace

Console::Console(Fd serial, Fd errors) : serial_{std::move(serial), {}}, errors_{std::move(errors), {}} {
    unblock(serial_.fd);
    unblock(errors_.fd);
}

bool Console::take(Stream& stream) {
    bool any = false;
    std::array<char, 16384> buffer;
    while (stream.fd) {
        const ssize_t n = read(stream.fd.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) {
            stream.fd.reset();
            break;
        }
        any = true;
        // A serial line ends in \r\n; texts have \n.
        std::copy_if(buffer.begin(), buffer.begin() + n, std::back_inserter(stream.text),
                     [](char c) { return c != '\r'; });
    }
    return any;
}

void Console::drain() {
    if (take(serial_)) look_for_last_words();
    take(errors_);
    for (Stream* s : {&serial_, &errors_}) {
        if (s->text.size() <= 2 * kKept) continue;
        const std::size_t cut = s->text.size() - kKept;
        s->text.erase(0, cut);
        if (s == &serial_) searched_ -= std::min(cut, searched_);
    }
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

void Console::look_for_last_words() {
    const std::string_view text = serial_.text;
    for (std::size_t end; (end = text.find('\n', searched_)) != std::string_view::npos; searched_ = end + 1) {
        const auto line = text.substr(searched_, end - searched_);
        const bool last = std::any_of(kLastWords.begin(), kLastWords.end(), [line](std::string_view words) {
            return line.find(words) != std::string_view::npos;
        });
        if (last && last_words_.empty()) last_words_ = line;
    }
}

bool Console::accelerator_failed() const {
    return errors_.text.find("KVM internal error") != std::string::npos;
}

std::string Console::text() const { return serial_.text + errors_.text; }

std::string Console::tail() const {
    const std::string all = text();
    std::size_t start = all.size();
    for (std::size_t lines = 0; start > 0 && lines <= kTailLines; --start) {
        if (all[start - 1] == '\n' && ++lines > kTailLines) break;
    }
    return all.substr(start);
}

}  // namespace landfall
