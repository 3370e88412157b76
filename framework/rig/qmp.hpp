// QEMU's own control channel, the QEMU Machine Protocol (docs/interop/qmp-spec.rst of its source), over a socket nobody
// else knows.
#pragma once

#include <deque>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "os/deadline.hpp"
#include "os/fd.hpp"

namespace landfall {

class Qmp {
  public:
    /// QEMU will not or cannot do this; it goes on as before. what() is its own description.
    class Refused : public std::runtime_error {
        using std::runtime_error::runtime_error;
    };

    /// Reads QEMU's greeting and ends its negotiation. Throws LabError if it does not come, as every wait here.
    Qmp(Fd socket, const Deadline& deadline);

    /// What QEMU calls itself: version and package.
    [[nodiscard]] const std::string& version() const { return version_; }
    /// What the command returns. Throws Refused.
    nlohmann::json execute(const std::string& command, const nlohmann::json& arguments, const Deadline& deadline);
    /// The data of the next event of that name that was not yet asked for.
    [[nodiscard]] nlohmann::json event(const std::string& name, const Deadline& deadline);

    static constexpr std::size_t kLongestMessage = 1U << 20;  ///< bytes

  private:
    /// Events go to events_.
    [[nodiscard]] nlohmann::json reply(const Deadline& deadline, const std::string& to);
    [[nodiscard]] nlohmann::json message(const Deadline& deadline, const std::string& to);
    void send(const std::string& text, const Deadline& deadline);

    Fd socket_;
    std::string received_, version_;
    std::deque<nlohmann::json> events_;
};

}  // namespace landfall
