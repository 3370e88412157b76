// A connected pair of stream sockets: one end for us, one for a program we start.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

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

/// For one way only: `ours` to read from, `theirs` to write to. It takes up to a mebibyte before its writer has to wait, however
/// short the pieces; a socket takes a few hundred pieces, of whatever length.
[[nodiscard]] inline Wire make_pipe() {
    constexpr int kBytes = 1 << 20;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw LabError(fmt::format("no pipe: {}", std::strerror(errno)));
    fcntl(ends[1], F_SETPIPE_SZ, kBytes);  // where that is more than a user may have, it stays as it is: 64 KiB
    return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace landfall
