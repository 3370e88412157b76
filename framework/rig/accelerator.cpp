#include "rig/accelerator.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string_view>

#include "landfall/error.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
    std::ifstream in(path);
    std::string line;
    std::getline(in, line);
    return line;
}

}  // namespace

std::string emulator_identity(const fs::path& qemu) {
    std::error_code ignored;
    return fmt::format("{} {} {} {}", first_line("/proc/sys/kernel/random/boot_id"), qemu.string(),
                       fs::file_size(qemu, ignored),
                       fs::last_write_time(qemu, ignored).time_since_epoch().count());
}

const char* accelerator_str(Accelerator accelerator) {
    return accelerator == Accelerator::kvm ? "kvm" : "tcg";
}

AcceleratorChoice::AcceleratorChoice(fs::path cache, const fs::path& qemu)
    : file_(std::move(cache) / "accelerator"), key_(emulator_identity(qemu)) {
    const char* wanted = std::getenv("LANDFALL_ACCEL");
    const std::string_view word = wanted == nullptr ? "" : wanted;
    forced_ = !word.empty();
    if (forced_) {
        if (word != "kvm" && word != "tcg")
            throw LabError(fmt::format("LANDFALL_ACCEL={}: not kvm or tcg", word));
        first_ = word == "kvm" ? Accelerator::kvm : Accelerator::tcg;
        return;
    }
    if (access("/dev/kvm", R_OK | W_OK) != 0) return;
    const std::string remembered = first_line(file_);
    known_ = remembered == "kvm " + key_ || remembered == "tcg " + key_;
    if (!known_ || remembered.starts_with("kvm")) first_ = Accelerator::kvm;
}

void AcceleratorChoice::works(Accelerator accelerator) const {
    if (forced_ || (known_ && accelerator == first_)) return;
    // Not being able to remember costs time, nothing else.
    std::ofstream(file_) << accelerator_str(accelerator) << ' ' << key_ << '\n';
}

}  // namespace landfall
