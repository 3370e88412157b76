// A connected pair of stream sockets: one end for us, one for a program we start.
#pragma once

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "landfall/error.hpp"
#include "os/fd.hpp"

namespace landfall {

struct Wire {
    Fd ours, theirs;
};

[[nodiscard]] inline Wire make_wire() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        throw LabError(fmt::format("no socket pair: {}", std::strerror(errno)));
    }
    return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace landfall
