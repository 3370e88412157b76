#include "rig/guest_memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "landfall/error.hpp"

namespace landfall {
namespace {

LabError no_memory(std::uint64_t bytes) {
    return LabError(fmt::format("no memory file of {} for a guest: {}", size_str(bytes), std::strerror(errno)));
}

}  // namespace

GuestMemory::GuestMemory(std::uint64_t bytes, std::uint64_t base)
    : base_(base), file_(memfd_create("landfall-guest", MFD_CLOEXEC)) {
    if (!file_ || ftruncate(file_.get(), static_cast<off_t>(bytes)) != 0) throw no_memory(bytes);
    void* at = mmap(nullptr, bytes, PROT_READ, MAP_SHARED | MAP_NORESERVE, file_.get(), 0);
    if (at == MAP_FAILED) throw no_memory(bytes);
    view_ = Mapping(static_cast<std::byte*>(at), bytes);
}

std::vector<GuestRange> GuestMemory::touched() const {
    std::vector<GuestRange> out;
    const auto size = static_cast<off_t>(view_.bytes().size());
    for (off_t end = 0; end < size;) {
        const off_t begin = lseek(file_.get(), end, SEEK_DATA);
        if (begin < 0 && errno == ENXIO) break;  // nothing but a hole is left
        end = begin < 0 ? -1 : lseek(file_.get(), begin, SEEK_HOLE);
        if (end < 0) throw LabError(fmt::format("a guest's memory cannot be read: {}", std::strerror(errno)));
        out.push_back({{static_cast<std::uint64_t>(begin)}, static_cast<std::uint64_t>(end - begin)});
        // All at once: a fault for each takes longer than what is done with them. Kernels before 5.14 know no such advice.
        ::madvise(view_.bytes().data() + begin, static_cast<std::size_t>(end - begin), MADV_POPULATE_READ);
    }
    return out;
}

void GuestMemory::fill(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw LabError(fmt::format("a guest's memory cannot be filled: {}", std::strerror(errno)));
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
}

// Looking at a page that was never touched would make one, so holes are left out.
std::vector<Stamped> GuestMemory::search(const StampSearch& search) const {
    std::vector<Stamped> out;
    for (const auto& piece : touched()) {
        if (out.size() >= StampSearch::kMost) break;
        auto found = find_stamps(bytes().subspan(piece.start.value, piece.length), {base_ + piece.start.value}, search);
        out.insert(out.end(), found.begin(), found.end());
    }
    return out;
}

}  // namespace landfall
