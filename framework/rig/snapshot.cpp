#include "rig/snapshot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "landfall/error.hpp"
#include "os/files.hpp"
#include "rig/content_hash.hpp"
#include "rig/snapshot_file.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "1";
constexpr const char* kPart = ".part";
constexpr const char* kFit = ".fit";

/// A snapshot and what is known of it. What is known goes first.
void remove_both(const fs::path& snapshot) {
    std::error_code ignored;
    fs::remove(snapshot.string() + kFit, ignored);
    fs::remove(snapshot, ignored);
}

LabError not_kept(const fs::path& file, const std::string& why) {
    return LabError(fmt::format("{}: {}", file.string(), why));
}

/// A file that nobody takes for a snapshot until it is one, and that is gone if it does not become one. The lock says
/// that somebody is at work on it: it ends with the process.
class Part {
  public:
    explicit Part(const fs::path& target) : target_(target) {
        // Before it is locked, who clears away may take it for abandoned.
        for (int tries = 0; tries < 100; ++tries)
            if (make()) return;
        throw not_kept(name_, "it was cleared away again and again");
    }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    ~Part() {
        std::error_code ignored;
        if (file_) fs::remove(name_, ignored);
    }
    [[nodiscard]] int fd() const { return file_.get(); }
    void become_whole() {
        std::error_code error;
        fs::rename(name_, target_, error);
        if (error) throw not_kept(target_, error.message());
        file_.reset();
    }

  private:
    /// Locked, and still there.
    bool make() {
        name_ = target_.string() + kPart + "XXXXXX";
        file_ = Fd(mkostemp(name_.data(), O_CLOEXEC));
        if (!file_) throw not_kept(name_, std::strerror(errno));
        struct stat named {}, own {};
        return flock(file_.get(), LOCK_EX | LOCK_NB) == 0 && fstat(file_.get(), &own) == 0 &&
               stat(name_.c_str(), &named) == 0 && named.st_ino == own.st_ino;
    }

    fs::path target_;
    std::string name_;
    Fd file_;
};

bool is_part(const fs::path& path) { return path.filename().string().find(kPart) != std::string::npos; }

/// If it was left by somebody who was killed. The lock is held until it is gone, so whoever locks it then sees that it is.
void clear_away(const fs::path& part) {
    const Fd file(open(part.c_str(), O_RDONLY | O_CLOEXEC));
    std::error_code ignored;
    if (file && flock(file.get(), LOCK_EX | LOCK_NB) == 0) fs::remove(part, ignored);
}

struct Entry {
    fs::path path;
    std::uint64_t bytes = 0;
    fs::file_time_type used;
};

/// Whole snapshots, the one that was not used for longest first. Removes what is abandoned.
std::vector<Entry> entries(const fs::path& directory) {
    std::vector<Entry> out;
    std::error_code ignored;
    for (const auto& e : fs::directory_iterator(directory, ignored)) {
        if (is_part(e.path())) {
            clear_away(e.path());
        } else if (e.path().extension() == kFit) {
            if (!fs::exists(fs::path(e.path()).replace_extension(), ignored)) fs::remove(e.path(), ignored);
        } else {
            const std::uint64_t bytes = e.file_size(ignored);
            out.push_back({e.path(), ignored ? 0 : bytes, e.last_write_time(ignored)});
        }
    }
    std::ranges::sort(out, {}, &Entry::used);
    return out;
}

std::uint64_t size_of(const MachineState& state) {
    std::uint64_t out = 0;
    for (const auto& piece : state.memory.touched()) out += piece.length;
    return out;
}

}  // namespace

std::string SnapshotKey::str() const {
    ContentHash hash;
    hash.add_text(kFormat);
    hash.add_text(emulator);
    for (const auto& a : arguments) hash.add_text(a);
    const Fd image(open(kernel.c_str(), O_RDONLY | O_CLOEXEC));
    if (!image) throw not_kept(kernel, std::strerror(errno));
    hash.add_file(image.get(), kernel);
    hash.add_file(initramfs, "the initramfs");
    return hash.hex();
}

Snapshot::Snapshot(fs::path directory, const std::string& key, std::uint64_t most_bytes)
    : directory_(std::move(directory)),
      file_(directory_ / key),
      fit_(directory_ / (key + kFit)),
      key_(key),
      most_bytes_(most_bytes) {}

bool Snapshot::exists() const {
    std::error_code ignored;
    return fs::exists(file_, ignored);
}

bool Snapshot::load(MachineState& blank) const {
    const Fd in(open(file_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in) return false;
    const bool whole = read_snapshot(in.get(), key_, blank);
    if (!whole) forget();
    else futimens(in.get(), nullptr);  // used just now; where that is refused it only goes sooner
    return whole;
}

void Snapshot::keep(const MachineState& state) const {
    std::error_code error;
    fs::create_directories(directory_, error);
    if (error) throw not_kept(directory_, error.message());
    make_room(size_of(state));
    Part part(file_);
    try {
        write_snapshot(part.fd(), key_, state);
    } catch (const LabError& e) {
        throw not_kept(file_, e.what());
    }
    part.become_whole();
}

void Snapshot::forget() const { remove_both(file_); }

bool Snapshot::known_fit() const {
    std::error_code ignored;
    return fs::exists(fit_, ignored);
}

// Not being able to remember costs another check, nothing else.
void Snapshot::remember_fit() const { const Fd made(open(fit_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)); }

void Snapshot::make_room(std::uint64_t bytes) const {
    const auto kept = entries(directory_);
    for (const auto& e : kept) bytes += e.bytes;
    for (const auto& e : kept) {
        if (bytes <= most_bytes_) return;
        remove_both(e.path);
        bytes -= e.bytes;
    }
}

}  // namespace landfall
