#include "landfall/mapping.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace landfall {

Mapping::~Mapping() {
    if (address_ != nullptr) ::munmap(address_, length_);
    if (file_ >= 0) ::close(file_);
}

namespace {

/// The number of the page frame at an address, which only root is told (Documentation/admin-guide/mm/pagemap.rst).
std::uint64_t frame_of(int pagemap, const void* at) {
    std::uint64_t entry = 0;
    const auto place = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(at) / kPageSize * sizeof entry);
    if (::pread(pagemap, &entry, sizeof entry, place) != sizeof entry) return 0;
    return entry & ((1ULL << 55) - 1);
}

// Huge pages that come back go to the head of the list from which they are handed out (mm/hugetlb.c, enqueue_hugetlb_folio()): who
// gives some back in order gets them in the other one. For who is not told where they are the order stays what it was.
void line_up_huge_pages(std::size_t count, bool downwards) {
    const int pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0) return;
    std::vector<std::pair<std::uint64_t, Mapping>> pages;
    while (pages.size() < count) {
        void* at = ::mmap(nullptr, kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
        if (at == MAP_FAILED) break;
        pages.emplace_back(frame_of(pagemap, at), Mapping(static_cast<std::byte*>(at), kHugePage));
    }
    ::close(pagemap);
    std::ranges::sort(pages, [&](const auto& a, const auto& b) { return downwards ? a.first > b.first : a.first < b.first; });
    while (!pages.empty()) pages.pop_back();
}

}  // namespace

std::pair<Errno, Mapping> Mapping::make(const Request& request) {
    const auto length = align_up(request.length, request.huge ? kHugePage : kPageSize);
    const bool apart = request.scattered && !request.huge;
    if (request.huge) line_up_huge_pages(length / kHugePage, request.scattered);
    int file = -1;
    int flags = (apart ? 0 : MAP_POPULATE) | (request.memfd ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);
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
    if (apart) out.touch_apart();
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
