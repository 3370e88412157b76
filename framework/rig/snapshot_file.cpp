#include "rig/snapshot_file.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "landfall/error.hpp"
#include "rig/content_hash.hpp"

namespace landfall {
namespace {

constexpr std::string_view kMagic = "landfall snapshot 1\n";
// More than any machine of ours has: 300 KiB of devices, a few hundred pieces of memory, 30 KiB of console.
constexpr std::uint64_t kMostDevices = 64U << 20, kMostPieces = 1U << 20, kMostText = 16U << 20;
constexpr std::size_t kChunk = 1U << 20;

/// The file is not what it should be.
class Damaged : public std::exception {};

class Writer {
  public:
    explicit Writer(int fd) : fd_(fd) {}

    void bytes(std::span<const std::byte> bytes) {
        hash_.add(bytes);
        put(bytes);
    }
    void number(std::uint64_t n) { bytes(std::as_bytes(std::span(&n, 1))); }
    void text(std::string_view text) {
        number(text.size());
        bytes(std::as_bytes(std::span(text)));
    }
    /// A piece of it, which does not come by this process but for its hash.
    void memory(const GuestMemory& memory, const GuestRange& piece) {
        hash_.add(memory.bytes().subspan(piece.start.value, piece.length));
        auto at = static_cast<off_t>(piece.start.value);
        for (const auto end = at + static_cast<off_t>(piece.length); at < end;) {
            const ssize_t n = sendfile(fd_, memory.fd(), &at, static_cast<std::size_t>(end - at));
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) throw LabError(std::strerror(errno));
        }
    }
    void end() { put(hash_.digest()); }

  private:
    void put(std::span<const std::byte> bytes) const {
        while (!bytes.empty()) {
            const ssize_t n = write(fd_, bytes.data(), bytes.size());
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) throw LabError(std::strerror(errno));
            bytes = bytes.subspan(static_cast<std::size_t>(n));
        }
    }
    int fd_;
    ContentHash hash_;
};

class Reader {
  public:
    explicit Reader(int fd) : fd_(fd) {}

    void bytes(std::span<std::byte> to) {
        take(to);
        hash_.add(to);
    }
    std::uint64_t number(std::uint64_t most = UINT64_MAX) {
        std::uint64_t n = 0;
        bytes(std::as_writable_bytes(std::span(&n, 1)));
        if (n > most) throw Damaged();
        return n;
    }
    std::string text(std::uint64_t longest) {
        std::string out(number(longest), '\0');
        bytes(std::as_writable_bytes(std::span(out)));
        return out;
    }
    /// The next `length` bytes, in pieces.
    void pieces(std::uint64_t length, const std::function<void(std::uint64_t at, std::span<const std::byte>)>& use) {
        for (std::uint64_t at = 0; at < length;) {
            const auto piece = std::span(chunk_).first(std::min<std::uint64_t>(length - at, chunk_.size()));
            bytes(piece);
            use(at, piece);
            at += piece.size();
        }
    }
    void end() {
        const auto expected = hash_.digest();
        ContentHash::Digest found;
        take(found);
        std::byte more;
        if (found != expected || read(fd_, &more, 1) != 0) throw Damaged();
    }

  private:
    void take(std::span<std::byte> to) const {
        while (!to.empty()) {
            const ssize_t n = read(fd_, to.data(), to.size());
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) throw Damaged();
            to = to.subspan(static_cast<std::size_t>(n));
        }
    }
    int fd_;
    ContentHash hash_;
    std::vector<std::byte> chunk_ = std::vector<std::byte>(kChunk);
};

Fd memory_file(const char* name) {
    Fd out(memfd_create(name, MFD_CLOEXEC));
    if (!out) throw LabError(fmt::format("no memory file: {}", std::strerror(errno)));
    return out;
}

std::string content(int file) {
    struct stat status {};
    if (fstat(file, &status) != 0) throw LabError(std::strerror(errno));
    std::string out(static_cast<std::size_t>(status.st_size), '\0');
    if (pread(file, out.data(), out.size(), 0) != status.st_size) throw LabError(std::strerror(errno));
    return out;
}

void read_memory(Reader& in, GuestMemory& memory) {
    const std::uint64_t bytes = memory.bytes().size();
    std::vector<GuestRange> pieces(in.number(kMostPieces));
    for (auto& p : pieces) {
        p.start = {in.number(bytes)};
        p.length = in.number(bytes - p.start.value);
    }
    for (const auto& p : pieces) {
        in.pieces(p.length, [&](std::uint64_t at, std::span<const std::byte> piece) {
            memory.fill(p.start.value + at, piece);
        });
    }
}

void read_state(Reader& in, const std::string& key, MachineState& out) {
    if (in.text(kMostText) != kMagic || in.text(kMostText) != key || in.number() != out.memory.bytes().size()) throw Damaged();
    out.emulator = in.text(kMostText);
    out.console = in.text(kMostText);
    const std::string devices = in.text(kMostDevices);
    if (write(out.devices.get(), devices.data(), devices.size()) != static_cast<ssize_t>(devices.size()))
        throw LabError(fmt::format("no memory for a machine's devices: {}", std::strerror(errno)));
    read_memory(in, out.memory);
    in.end();
}

}  // namespace

MachineState MachineState::blank(std::uint64_t memory_bytes, std::uint64_t memory_base) {
    return {GuestMemory(memory_bytes, memory_base), memory_file("landfall-devices"), {}, {}};
}

void write_snapshot(int file, const std::string& key, const MachineState& state) {
    Writer out(file);
    out.text(kMagic);
    out.text(key);
    out.number(state.memory.bytes().size());
    out.text(state.emulator);
    out.text(state.console);
    out.text(content(state.devices.get()));
    const auto pieces = state.memory.touched();
    out.number(pieces.size());
    for (const auto& p : pieces) {
        out.number(p.start.value);
        out.number(p.length);
    }
    for (const auto& p : pieces) out.memory(state.memory, p);
    out.end();
}

bool read_snapshot(int file, const std::string& key, MachineState& blank) {
    try {
        Reader in(file);
        read_state(in, key, blank);
        return true;
    } catch (const Damaged&) {
        return false;
    }
}

}  // namespace landfall
