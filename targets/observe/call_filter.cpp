#include "observe/call_filter.hpp"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "observe/call_numbers.hpp"

namespace landfall {
namespace {

// The type of every ioctl of VFIO and iommufd (include/uapi/linux/vfio.h, iommufd.h).
constexpr std::uint32_t kIoctlType = ';';

// What changes who has which descriptor open; ioctl is filtered by its type on top.
constexpr std::array kCalls{kOpen,   SYS_openat, SYS_openat2, kCreat,    SYS_close,       SYS_dup,    kDup2,
                            SYS_dup3, SYS_fcntl,  SYS_clone,   SYS_clone3, SYS_close_range, SYS_wait4, SYS_waitid};

}  // namespace

// By number alone: programs of another architecture, whose numbers differ, are not observed.
// is unknown.
CallFilter::CallFilter() {
    const auto load = [](std::size_t at) {
        return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(at));
    };
    const auto answer = [](std::uint32_t action) { return sock_filter BPF_STMT(BPF_RET | BPF_K, action); };
    const auto unless = [](std::uint32_t value) {
        return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    };
    auto& out = code_;
    out.push_back(load(offsetof(seccomp_data, nr)));
    for (const auto call : kCalls) {
        out.push_back(unless(static_cast<std::uint32_t>(call)));
        out.push_back(answer(SECCOMP_RET_TRACE));
    }
    out.push_back(sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 1, 0));
    out.push_back(answer(SECCOMP_RET_ALLOW));
    out.push_back(load(offsetof(seccomp_data, args[1])));
    out.push_back(sock_filter BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 8));
    out.push_back(sock_filter BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff));
    out.push_back(unless(kIoctlType));
    out.push_back(answer(SECCOMP_RET_TRACE));
    out.push_back(answer(SECCOMP_RET_ALLOW));
}

bool CallFilter::install() const {
    const sock_fprog program{static_cast<unsigned short>(code_.size()),
                             const_cast<sock_filter*>(code_.data())};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return true;
    return errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace landfall
