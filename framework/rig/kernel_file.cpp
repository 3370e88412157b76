#include "rig/kernel_file.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "landfall/error.hpp"

namespace landfall {
namespace {

// Offsets of the boot protocol's header: the magic word, and kernel_version, which points at the release text
// less 0x200 bytes.
constexpr std::size_t kMagicAt = 0x202, kVersionAt = 0x20e, kVersionBias = 0x200;
// The header of an Image.
constexpr std::size_t kArmMagicAt = 56;
constexpr std::string_view kArmMagic("ARM\x64", 4);

std::string first_word(std::string_view text) {
    return std::string(text.substr(0, text.find_first_of(std::string_view(" \0\n", 3))));
}

/// Reads the file in pieces until `word` is found and returns what follows it.
std::string word_after(std::ifstream& in, std::string_view word) {
    constexpr std::size_t kPiece = 1 << 20, kTail = 256;
    std::string window;
    in.clear();
    in.seekg(0);
    while (in) {
        const std::size_t kept = window.size();
        window.resize(kept + kPiece);
        in.read(window.data() + kept, kPiece);
        window.resize(kept + static_cast<std::size_t>(in.gcount()));
        for (std::size_t at = 0; (at = window.find(word, at)) != std::string::npos; ++at) {
            // The format string "Linux version %s" is in there, too.
            if (at + kTail > window.size() && in) break;
            const std::string found = first_word(std::string_view(window).substr(at + word.size()));
            if (!found.empty() && found.front() >= '0' && found.front() <= '9') return found;
        }
        if (window.size() > kTail) window.erase(0, window.size() - kTail);
    }
    return "";
}

}  // namespace

std::optional<KernelFile> inspect_kernel_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw LabError(fmt::format("{}: {}", path, std::strerror(errno)));
    std::string head(0x10000, '\0');
    in.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<std::size_t>(in.gcount()));
    if (head.size() > kVersionAt + 2 && head.compare(kMagicAt, 4, "HdrS") == 0) {
        std::uint16_t offset = 0;
        std::memcpy(&offset, head.data() + kVersionAt, sizeof offset);
        const std::size_t at = offset + kVersionBias;
        return KernelFile{KernelFile::Kind::bzimage, offset == 0 || at >= head.size()
                                                         ? ""
                                                         : first_word(std::string_view(head).substr(at))};
    }
    if (head.size() > kArmMagicAt && head.compare(kArmMagicAt, kArmMagic.size(), kArmMagic) == 0)
        return KernelFile{KernelFile::Kind::image, word_after(in, "Linux version "), "aarch64"};
    if (head.starts_with("\177ELF")) {
        Elf64_Half machine = 0;
        if (head.size() >= sizeof(Elf64_Ehdr)) std::memcpy(&machine, head.data() + offsetof(Elf64_Ehdr, e_machine), sizeof machine);
        return KernelFile{KernelFile::Kind::vmlinux, word_after(in, "Linux version "), machine == EM_AARCH64 ? "aarch64" : "x86_64"};
    }
    return std::nullopt;
}

bool is_kernel_tree(const std::string& path) {
    const std::filesystem::path top(path);
    return std::filesystem::is_regular_file(top / "Kbuild") &&
           std::filesystem::is_regular_file(top / "Makefile") && std::filesystem::is_directory(top / "arch");
}

}  // namespace landfall
