#include "rig/content_hash.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "landfall/error.hpp"

namespace landfall {

constexpr std::size_t kChunk = 1U << 20;

void ContentHash::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

ContentHash::ContentHash() : state_(XXH3_createState()) {
    if (!state_) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
}

void ContentHash::add(std::span<const std::byte> bytes) {
    XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

void ContentHash::add_text(std::string_view text) {
    const std::uint64_t length = text.size();
    add(std::as_bytes(std::span(&length, 1)));
    add(std::as_bytes(std::span(text)));
}

void ContentHash::add_file(int fd, const std::string& what) {
    std::vector<std::byte> chunk(kChunk);
    for (off_t at = 0;;) {
        const ssize_t n = pread(fd, chunk.data(), chunk.size(), at);
        if (n == 0) break;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw LabError(fmt::format("{}: {}", what, std::strerror(errno)));
        add(std::span(chunk).first(static_cast<std::size_t>(n)));
        at += n;
    }
}

ContentHash::Digest ContentHash::digest() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
    Digest out;
    static_assert(sizeof canonical == sizeof out);
    std::memcpy(out.data(), &canonical, sizeof out);
    return out;
}

std::string ContentHash::hex() const {
    std::string out;
    for (const std::byte b : digest()) out += fmt::format("{:02x}", std::to_integer<unsigned>(b));
    return out;
}

}  // namespace landfall
