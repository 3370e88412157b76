#include "rig/doctor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "rig/accelerator.hpp"
#include "rig/kernel_store.hpp"
#include "rig/kernel_tree.hpp"
#include "rig/paths.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using State = HostCheck::State;

constexpr const char* kQemu = "qemu-system-x86_64";
constexpr const char* kDefaultKernel = "6.12";
constexpr const char* kBuild = "lab/build";  // installs everything Debian has

HostCheck check_qemu(const std::string& program) {
    if (program.empty()) return {State::lacking, "QEMU", fmt::format("there is no {}", kQemu), kBuild};
    const std::string version = qemu_version(run_command({program, "--version"}).output);
    const std::string devices = run_command({program, "-device", "help"}).output;
    std::vector<std::string> absent;
    for (const char* device : {"igb", "edu", "intel-iommu", "virtserialport"}) {
        if (devices.find(fmt::format("name \"{}\"", device)) == std::string::npos)
            absent.emplace_back(device);
    }
    if (absent.empty()) return {State::good, "QEMU", version + ", with igb, edu and intel-iommu", {}};
    return {State::lacking, "QEMU",
            fmt::format("{} lacks {}; 8.0 has them all", version, fmt::join(absent, ", ")), kBuild};
}

HostCheck check_firmware(const std::string& qemu) {
    std::istringstream folders(qemu.empty() ? "" : run_command({qemu, "-L", "help"}).output);
    for (std::string folder; std::getline(folders, folder);) {
        if (fs::exists(fs::path(folder) / "bios-256k.bin"))
            return {State::good, "firmware", "SeaBIOS in " + folder, {}};
    }
    return {State::lacking, "firmware", "SeaBIOS (bios-256k.bin) is nowhere QEMU looks",
            "apt-get install seabios"};
}

HostCheck check_accelerator(const std::string& qemu) {
    constexpr const char* kSlower = "; rigs run without it, more slowly";
    if (access("/dev/kvm", F_OK) != 0) {
        return {
            State::note, "KVM", fmt::format("there is no /dev/kvm{}", kSlower),
            "switch virtualization on in the firmware, or give this virtual machine nested virtualization"};
    }
    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        return {State::note, "KVM", fmt::format("/dev/kvm may not be opened by this user{}", kSlower),
                "adduser $USER kvm, then log in again"};
    }
    if (!qemu.empty() && AcceleratorChoice(cache_dir(), qemu).first() == Accelerator::tcg) {
        return {State::note, "KVM", fmt::format("/dev/kvm opens, but no guest runs with it{}", kSlower), {}};
    }
    return {State::good, "KVM", "/dev/kvm opens", {}};
}

std::string cure_of(const KernelDefinition& d) {
    return d.arch->cure != nullptr ? d.arch->cure : "landfall kernel build " + d.name;
}

void check_kernels(std::vector<HostCheck>& out) {
    bool ready = false;
    for (const KernelDefinition& d : list_kernel_definitions()) {
        if (!d.base.empty()) continue;  // nobody lacks a kernel that is wrong on purpose
        const auto image = cached_kernel(d);
        ready = ready || (image && d.name == kDefaultKernel);
        out.push_back({image ? State::good : State::note, "kernel " + d.name,
                       image ? fmt::format("{}, from {}", image->release, image->source) : "not built yet",
                       image ? "" : cure_of(d)});
    }
    const auto lacking = missing_build_packages();
    const State severity = ready ? State::note : State::lacking;  // only who builds needs them
    if (lacking.empty()) {
        out.push_back({State::good, "kernel build", kernel_toolchain(), {}});
    } else {
        const std::string names = fmt::format("{}", fmt::join(lacking, " "));
        out.push_back({severity, "kernel build", "missing: " + names, "apt-get install " + names});
    }
    const auto megabytes = fs::space(kernel_cache_dir()).available / 1'000'000;
    out.push_back({megabytes >= 3000 ? State::good : severity, "disk",
                   fmt::format("{} MB free below {}; a kernel takes 3000", megabytes, kernel_cache_dir()),
                   megabytes >= 3000 ? "" : "free some, or set XDG_CACHE_HOME to a folder elsewhere"});
}

HostCheck check_python() {
    constexpr const char* kPython = "/usr/bin/python3";
    if (!find_program(kPython).empty() && run_command({kPython, "-c", "import pytest"}).ok()) {
        return {State::good, "Python", fmt::format("{} has pytest", kPython), {}};
    }
    return {State::note, "Python", fmt::format("{} with pytest is not there; the plugin needs it", kPython),
            "apt-get install python3-pytest"};
}

HostCheck check_rights() {
    if (geteuid() == 0) return {State::good, "rights", "root", {}};
    return {State::good, "rights", "an ordinary user: enough for virtual rigs; kind: local needs root", {}};
}

}  // namespace

std::string qemu_version(const std::string& output) {
    constexpr std::string_view kBefore = "version ";
    const std::size_t at = output.find(kBefore);
    if (at == std::string::npos) return "";
    const std::string rest = output.substr(at + kBefore.size());
    return rest.substr(0, rest.find_first_not_of("0123456789."));
}

std::vector<HostCheck> examine_host() {
    const std::string qemu = find_program(kQemu);
    std::vector<HostCheck> out{check_qemu(qemu), check_firmware(qemu), check_accelerator(qemu)};
    check_kernels(out);
    out.push_back(check_python());
    out.push_back(check_rights());
    return out;
}

}  // namespace landfall
