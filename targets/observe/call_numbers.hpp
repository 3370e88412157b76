// System calls as the architecture this is compiled for numbers them.
#pragma once

#include <linux/audit.h>
#include <sys/syscall.h>

#include <cstdint>

namespace landfall {

// Of calls that have a newer form an architecture younger than x86 has that form alone (include/uapi/asm-generic/unistd.h):
// numbers no call has.
#ifdef SYS_open
inline constexpr int kOpen = SYS_open, kCreat = SYS_creat, kDup2 = SYS_dup2;
#else
inline constexpr int kOpen = 0x7fff0001, kCreat = 0x7fff0002, kDup2 = 0x7fff0003;
#endif

/// What a program of our own architecture is called where its calls are told apart (AUDIT_ARCH_*).
#ifdef __aarch64__
inline constexpr std::uint32_t kOwnCalls = AUDIT_ARCH_AARCH64;
#else
inline constexpr std::uint32_t kOwnCalls = AUDIT_ARCH_X86_64;
#endif

}  // namespace landfall
