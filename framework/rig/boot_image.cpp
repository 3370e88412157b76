#include "rig/boot_image.hpp"

#include <filesystem>

#include "landfall/error.hpp"
#include "rig/elf.hpp"

namespace landfall {
namespace {

constexpr std::size_t kBzImageMagicAt = 0x202;  // Documentation/arch/x86/boot.rst, "header"

void require_bootable(const std::string& path) {
    const std::string file = read_bytes(path);
    if (file.compare(kBzImageMagicAt < file.size() ? kBzImageMagicAt : file.size(), 4, "HdrS") == 0) return;
    if (!is_elf(file)) throw TextError({path, 0, 0}, "", "a Linux kernel: a bzImage or a vmlinux");
    if (!has_pvh_entry(file)) {
        throw TextError({path, 0, 0}, "a vmlinux without PVH entry", "CONFIG_PVH=y, or the bzImage of this kernel");
    }
}

}  // namespace

std::string boot_image(const std::string& name_or_path, const std::function<void(const std::string&)>&) {
    if (!std::filesystem::is_regular_file(name_or_path)) {
        throw TextError({name_or_path, 0, 0}, "", "a kernel: a bzImage or vmlinux file");
    }
    require_bootable(name_or_path);
    return name_or_path;
}

}  // namespace landfall
