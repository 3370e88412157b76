#include "rig/elf.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "landfall/error.hpp"
#include "landfall/types.hpp"
#include "os/fd.hpp"

namespace landfall {
namespace {

constexpr std::uint32_t kXenPhys32Entry = 18;  // xen/include/public/elfnote.h

/// Zeroes where the file is too short, so that a cut file is merely not what was looked for.
template <class T>
T at(std::string_view bytes, std::uint64_t offset) {
    T value{};
    if (offset <= bytes.size() && sizeof value <= bytes.size() - offset) {
        std::memcpy(&value, bytes.data() + offset, sizeof value);
    }
    return value;
}

std::vector<Elf64_Phdr> segments(std::string_view file) {
    const auto head = at<Elf64_Ehdr>(file, 0);
    std::vector<Elf64_Phdr> out;
    for (unsigned i = 0; i < head.e_phnum; ++i) {
        out.push_back(at<Elf64_Phdr>(file, head.e_phoff + i * sizeof(Elf64_Phdr)));
    }
    return out;
}

std::string_view content(std::string_view file, const Elf64_Phdr& segment) {
    if (segment.p_offset > file.size()) return {};
    return file.substr(segment.p_offset, segment.p_filesz);
}

/// gABI, "Note Section": name and descriptor each padded to 4 bytes.
bool has_note(std::string_view notes, std::string_view owner, std::uint32_t type) {
    while (notes.size() >= sizeof(Elf64_Nhdr)) {
        const auto note = at<Elf64_Nhdr>(notes, 0);
        if (note.n_type == type && notes.substr(sizeof note).starts_with(owner)) return true;
        const std::uint64_t size = sizeof note + align_up(note.n_namesz, 4) + align_up(note.n_descsz, 4);
        notes.remove_prefix(std::min<std::uint64_t>(size, notes.size()));
    }
    return false;
}

}  // namespace

FileBytes::FileBytes(const std::filesystem::path& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) throw LabError(fmt::format("{}: cannot be read", path.string()));
    if (status.st_size == 0) return;
    const auto size = static_cast<std::size_t>(status.st_size);
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0);
    if (at == MAP_FAILED) throw LabError(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    view_ = Mapping(static_cast<std::byte*>(at), size);
}

bool is_elf(std::string_view file) {
    return file.starts_with(ELFMAG) && at<Elf64_Ehdr>(file, 0).e_ident[EI_CLASS] == ELFCLASS64;
}

std::string interpreter(std::string_view file) {
    for (const auto& s : segments(file)) {
        if (s.p_type != PT_INTERP) continue;
        const auto path = content(file, s);
        return std::string(path.substr(0, path.find('\0')));
    }
    return {};
}

std::string_view section(std::string_view all, std::string_view name) {
    const auto head = at<Elf64_Ehdr>(all, 0);
    const auto header = [&](unsigned i) { return at<Elf64_Shdr>(all, head.e_shoff + i * sizeof(Elf64_Shdr)); };
    const auto bytes = [&](const Elf64_Shdr& s) {
        return s.sh_offset > all.size() ? std::string_view{} : all.substr(s.sh_offset, s.sh_size);
    };
    const auto names = bytes(header(head.e_shstrndx));
    for (unsigned i = 0; i < head.e_shnum; ++i) {
        const auto s = header(i);
        if (s.sh_name >= names.size()) continue;
        const auto own = names.substr(s.sh_name);
        if (own.substr(0, own.find('\0')) == name) return bytes(s);
    }
    return {};
}

std::span<char> cut_behind_segments(std::span<char> file) {
    std::uint64_t end = sizeof(Elf64_Ehdr);
    const std::string_view text(file.data(), file.size());
    for (const auto& s : segments(text)) end = std::max(end, s.p_offset + s.p_filesz);
    if (end >= file.size()) return file;
    auto head = at<Elf64_Ehdr>(text, 0);
    head.e_shoff = 0;
    head.e_shnum = 0;
    head.e_shstrndx = SHN_UNDEF;
    std::memcpy(file.data(), &head, sizeof head);
    return file.first(end);
}

bool has_pvh_entry(const std::filesystem::path& kernel) {
    const FileBytes file(kernel);
    return std::ranges::any_of(segments(file.text()), [&](const Elf64_Phdr& s) {
        return s.p_type == PT_NOTE && has_note(content(file.text(), s), "Xen", kXenPhys32Entry);
    });
}

}  // namespace landfall
