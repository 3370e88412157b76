#include "landfall/mapping.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace landfall {

Mapping::~Mapping() {
    if (address_ != nullptr) ::munmap(address_, length_);
    if (file_ >= 0) ::close(file_);
}

std::pair<Errno, Mapping> Mapping::make(const Request& request) {
    const auto length = align_up(request.length, request.huge ? kHugePage : kPageSize);
    int file = -1;
    int flags = (request.scattered ? 0 : MAP_POPULATE) | (request.memfd ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);
    if (request.memfd) {
        file = ::memfd_create("landfall", MFD_CLOEXEC | (request.huge ? MFD_HUGETLB : 0U));
        if (file < 0) return {Errno{errno}, Mapping{}};
        if (::ftruncate(file, static_cast<off_t>(length)) != 0) {
            const Errno e{errno};
            ::close(file);
            return {e, Mapping{}};
        }
    } else if (request.huge) {
        flags |= MAP_HUGETLB;
    }
    void* at = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, flags, file, 0);
    if (at == MAP_FAILED) {
        const Errno e{errno};
        if (file >= 0) ::close(file);
        return {e, Mapping{}};
    }
    Mapping out(static_cast<std::byte*>(at), length, file);
    if (request.scattered) out.touch_apart();
    return {Errno{}, std::move(out)};
}

// A kernel hands out pages in the order of their addresses, up or down, as long as there are some: so every other page comes first.
void Mapping::touch_apart() const {
    ::madvise(address_, length_, MADV_NOHUGEPAGE);  // no such kernel, no such pages
    for (const std::size_t first : {std::size_t{0}, kPageSize})
        for (auto at = first; at < length_; at += 2 * kPageSize) *static_cast<volatile std::byte*>(address_ + at) = std::byte{0};
}

void Mapping::make_read_only(std::size_t offset, std::size_t length) const {
    if (::mprotect(address_ + offset, length, PROT_READ) == 0) return;
    std::perror("landfall: mprotect of memory we own");
    std::abort();
}

}  // namespace landfall
