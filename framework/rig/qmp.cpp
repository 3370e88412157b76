#include "rig/qmp.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "landfall/error.hpp"

namespace landfall {
namespace {

using Json = nlohmann::json;

[[noreturn]] void no_answer(const std::string& to, const std::string& why) {
    throw LabError(fmt::format("QEMU did not answer to {}: {}", to, why));
}

/// {"version": {"qemu": {"major": 10, "minor": 0, "micro": 2}, "package": "Debian 1:10.0.2+ds-2"}}
std::string version_str(const Json& greeting) {
    const auto& version = greeting.at("QMP").at("version");
    const auto& number = version.at("qemu");
    return fmt::format("{}.{}.{} {}", number.at("major").get<int>(), number.at("minor").get<int>(),
                       number.at("micro").get<int>(), version.at("package").get<std::string>());
}

}  // namespace

Qmp::Qmp(Fd socket, const Deadline& deadline) : socket_(std::move(socket)) {
    const Json greeting = message(deadline, "its greeting");
    try {
        version_ = version_str(greeting);
    } catch (const Json::exception& e) {
        no_answer("its greeting", e.what());
    }
    execute("qmp_capabilities", Json::object(), deadline);
}

Json Qmp::execute(const std::string& command, const Json& arguments, const Deadline& deadline) {
    send(Json{{"execute", command}, {"arguments", arguments}}.dump() + '\n', deadline);
    Json answer = reply(deadline, command);
    if (const auto error = answer.find("error"); error != answer.end()) throw Refused(error->value("desc", error->dump()));
    return answer["return"];
}

Json Qmp::event(const std::string& name, const Deadline& deadline) {
    const auto wanted = [&name](const Json& e) { return e["event"] == name; };
    for (;;) {
        if (const auto found = std::ranges::find_if(events_, wanted); found != events_.end()) {
            Json data = found->value("data", Json::object());
            events_.erase(found);
            return data;
        }
        Json next = message(deadline, "the event " + name);
        if (next.contains("event")) events_.push_back(std::move(next));
    }
}

Json Qmp::reply(const Deadline& deadline, const std::string& to) {
    for (;;) {
        Json next = message(deadline, to);
        if (next.contains("return") || next.contains("error")) return next;
        if (!next.contains("event")) no_answer(to, "it sent " + next.dump());
        events_.push_back(std::move(next));
    }
}

Json Qmp::message(const Deadline& deadline, const std::string& to) {
    std::size_t end = 0;
    while ((end = received_.find('\n')) == std::string::npos) {
        if (received_.size() > kLongestMessage) no_answer(to, "a message without end");
        pollfd ready{socket_.get(), POLLIN, 0};
        if (!wait_any({&ready, 1}, deadline)) no_answer(to, "not in time");
        std::array<char, 16384> buffer;
        const ssize_t n = recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (n == 0 || (n < 0 && errno != EINTR)) no_answer(to, "the channel is closed");
        if (n > 0) received_.append(buffer.data(), static_cast<std::size_t>(n));
    }
    const std::string text = received_.substr(0, end);
    received_.erase(0, end + 1);
    Json out = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!out.is_object()) no_answer(to, fmt::format("no QMP message: '{:.200}'", text));
    return out;
}

void Qmp::send(const std::string& text, const Deadline& deadline) {
    for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t n = ::send(socket_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) sent += static_cast<std::size_t>(n);
        else if (n < 0 && errno == EAGAIN) {
            pollfd room{socket_.get(), POLLOUT, 0};
            if (!wait_any({&room, 1}, deadline)) no_answer(text, "it takes no input");
        } else if (n < 0 && errno != EINTR) {
            no_answer(text, "the channel is closed");
        }
    }
}

}  // namespace landfall
