#include "rig/initramfs.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <memory>
#include <set>
#include <sstream>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "rig/elf.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

constexpr int kBlock = 1 << 20;  // of a write: with the usual 10 KiB there are some thousand

// A cpio archive that grows in a memfd.
class Cpio {
  public:
    Cpio() : file_(memfd_create("landfall-initramfs", MFD_CLOEXEC)), archive_(archive_write_new()) {
        if (!file_) throw LabError(fmt::format("no memory file: {}", std::strerror(errno)));
        archive_write_set_format_cpio_newc(archive_.get());
        archive_write_set_bytes_per_block(archive_.get(), kBlock);
        archive_write_set_bytes_in_last_block(archive_.get(), 1);
        expect(archive_write_open_fd(archive_.get(), file_.get()));
        for (const auto& dir : folders_) folder(dir);
    }
    void folder(const std::string& path) { entry(path, AE_IFDIR | 0755, {}); }
    [[nodiscard]] bool has(const std::string& path) const { return files_.contains(path); }
    void file(const std::string& path, std::span<const char> bytes) {
        if (!files_.insert(path).second) return;
        for (auto dir = fs::path(path).parent_path(); dir != "/" && folders_.insert(dir).second;) {
            missing_.push_back(dir);
            dir = dir.parent_path();
        }
        for (; !missing_.empty(); missing_.pop_back()) folder(missing_.back());
        entry(path, AE_IFREG | 0755, bytes);
    }
    Fd finish() {
        expect(archive_write_close(archive_.get()));
        return std::move(file_);
    }

  private:
    struct Free {
        void operator()(archive* a) const { archive_write_free(a); }
        void operator()(archive_entry* e) const { archive_entry_free(e); }
    };
    void expect(int status) {
        if (status == ARCHIVE_OK) return;
        throw LabError(fmt::format("initramfs: {}", archive_error_string(archive_.get())));
    }
    void entry(const std::string& path, unsigned mode, std::span<const char> bytes) {
        const std::unique_ptr<archive_entry, Free> e(archive_entry_new());
        archive_entry_set_pathname(e.get(), path.c_str() + 1);  // relative to the root
        archive_entry_set_mode(e.get(), mode);
        archive_entry_set_size(e.get(), static_cast<la_int64_t>(bytes.size()));
        expect(archive_write_header(archive_.get(), e.get()));
        if (bytes.empty()) return;
        if (archive_write_data(archive_.get(), bytes.data(), bytes.size()) !=
            static_cast<la_ssize_t>(bytes.size())) {
            expect(ARCHIVE_FATAL);
        }
    }

    Fd file_;
    std::unique_ptr<archive, Free> archive_;
    std::set<std::string> files_;
    std::set<fs::path> folders_{"/dev", "/proc", "/sys", "/tmp"};
    std::vector<fs::path> missing_;
};

void add_program(Cpio& cpio, const std::string& where, const fs::path& path) {
    if (cpio.has(where)) return;
    const FileBytes file(path);
    cpio.file(where, is_elf(file.text()) ? cut_behind_segments(file.span()) : file.span());
}

void add_libraries(Cpio& cpio, const fs::path& program) {
    for (const auto& library : shared_libraries(program)) add_program(cpio, library.string(), library);
}

void add_folder(Cpio& cpio, const fs::path& root) {
    if (!fs::is_regular_file(root / "init")) throw LabError(fmt::format("{}: a folder without init", root.string()));
    for (const auto& entry : fs::recursive_directory_iterator(root))
        if (entry.is_regular_file()) add_program(cpio, "/" + fs::relative(entry.path(), root).string(), entry.path());
}

void add_native(Cpio& cpio, const fs::path& program) {
    auto libraries = std::async(std::launch::async, shared_libraries, program);
    add_program(cpio, "/init", program);
    for (const auto& library : libraries.get()) add_program(cpio, library.string(), library);
    const std::string busybox = find_program("busybox");
    if (!busybox.empty() && interpreter(FileBytes(busybox).text()).empty()) {
        add_program(cpio, "/bin/busybox", busybox);
    }
}

}  // namespace

std::vector<fs::path> shared_libraries(const fs::path& program) {
    const FileBytes file(program);
    if (!is_elf(file.text())) throw LabError(fmt::format("{}: not a program", program.string()));
    const std::string loader = interpreter(file.text());
    if (loader.empty()) return {};
    const auto listed = run_command({loader, "--list", fs::canonical(program).string()});
    if (!listed.ok() || listed.output.find("not found") != std::string::npos) {
        throw LabError(
            fmt::format("{}: its libraries cannot be listed: {}", program.string(), listed.output));
    }
    // "\tlibfoo.so.1 => /lib/libfoo.so.1 (0x7f...)", the loader itself without an arrow, and the vdso without
    // a path.
    std::vector<fs::path> out{loader};
    std::istringstream words(listed.output);
    for (std::string word; words >> word;) {
        if (word.starts_with('/') && word != loader) out.emplace_back(word);
    }
    return out;
}

Fd make_initramfs(const fs::path& program, const std::vector<fs::path>& carry, const std::vector<fs::path>& modules,
                  const std::string& script) {
    Cpio cpio;
    fs::is_directory(program) ? add_folder(cpio, program) : add_native(cpio, program);
    for (const auto& path : carry) {
        add_program(cpio, fs::absolute(path).string(), path);
        if (is_elf(FileBytes(path).text())) add_libraries(cpio, path);
    }
    // As they are: a module has no segments, and its signature is behind all else.
    for (const auto& path : modules) cpio.file("/modules/" + path.filename().string(), FileBytes(path).span());
    if (!script.empty()) cpio.file(kScriptFile, script);
    return cpio.finish();
}

}  // namespace landfall
