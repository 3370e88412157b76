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
    constexpr std::size_t kHugePage = 2U << 20;
    const auto length = align_up(request.length, request.huge ? kHugePage : kPageSize);
    int file = -1;
    int flags = MAP_POPULATE | (request.memfd ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);
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
    return {Errno{}, Mapping(static_cast<std::byte*>(at), length, file)};
}

void Mapping::make_read_only() const {
    if (::mprotect(address_, length_, PROT_READ) == 0) return;
    std::perror("landfall: mprotect of memory we own");
    std::abort();
}

}  // namespace landfall
