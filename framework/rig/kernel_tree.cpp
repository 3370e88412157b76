#include "rig/kernel_tree.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <future>
#include <thread>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "os/files.hpp"
#include "rig/kernel_config.hpp"
#include "rig/kernel_progress.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using std::chrono::minutes;

// Objects, archives and links a lab kernel has (6.12: 1592, 7.3: 1695); only the progress display depends on
// it.
constexpr unsigned kObjects = 1650;
constexpr std::size_t kLinesShown = 15;

struct Tool {
    const char* file;  ///< a program, or a header if it has a slash
    const char* package;
};
constexpr Tool kTools[] = {
    {"make", "make"},
    {"gcc", "gcc"},
    {"ld", "binutils"},
    {"bc", "bc"},
    {"flex", "flex"},
    {"bison", "bison"},
    {"xz", "xz-utils"},
    {"patch", "patch"},
    {"/usr/include/libelf.h", "libelf-dev"},
    {"/usr/include/openssl/opensslv.h", "libssl-dev"},
};

std::string first_line(const std::vector<std::string>& argv) {
    if (find_program(argv[0]).empty()) return argv[0] + ": none";
    const std::string output = run_command(argv).output;
    return output.substr(0, output.find('\n'));
}

/// "  CC      drivers/iommu/iommu.o"
bool is_object(std::string_view line) {
    return line.starts_with("  CC ") || line.starts_with("  AS ") || line.starts_with("  AR ") ||
           line.starts_with("  LD ");
}

std::vector<std::pair<std::string, std::string>> build_environment(const Arch& arch) {
    const char* path = std::getenv("PATH");
    // Debian's ccache answers for gcc from this folder, without showing in the recorded command lines. The
    // build's time and place stay out of the image, so that equal sources give equal kernels.
    return {{"PATH", std::string("/usr/lib/ccache:") + (path != nullptr ? path : "/usr/bin:/bin")},
            {"LC_ALL", "C"},
            {"ARCH", arch.make_arch},
            {"CROSS_COMPILE", arch.cross},
            {"MAKEFLAGS", ""},
            {"KBUILD_OUTPUT", ""},
            {"KBUILD_BUILD_USER", "landfall"},
            {"KBUILD_BUILD_HOST", "landfall"},
            {"KBUILD_BUILD_TIMESTAMP", "Thu Jan 1 00:00:00 UTC 1970"}};
}

std::string complaint(const std::string& label, const std::vector<ConfigSymbol>& unmet) {
    std::string text = fmt::format("kernel {}: its configuration cannot have", label);
    for (const ConfigSymbol& symbol : unmet) {
        text += fmt::format("\n  {}:{}: CONFIG_{}={}", symbol.file, symbol.line, symbol.name, symbol.value);
    }
    return text;
}

}  // namespace

std::vector<std::string> missing_build_packages(const Arch& arch) {
    std::vector<std::string> out;
    for (const Tool& tool : kTools) {
        const bool header = tool.file[0] == '/';
        if (header ? !fs::exists(tool.file) : find_program(tool.file).empty()) out.emplace_back(tool.package);
    }
    const bool foreign = arch.compiler_package != nullptr;
    if (foreign && find_program(arch.cross + std::string("gcc")).empty()) out.emplace_back(arch.compiler_package);
    return out;
}

std::string kernel_toolchain(const Arch& arch) {
    const std::string cross = arch.cross;
    auto linker = std::async(std::launch::async, [&] { return first_line({cross + "ld", "--version"}); });
    return first_line({cross + "gcc", "--version"}) + "; " + linker.get();
}

void KernelTree::configure(const std::vector<fs::path>& fragments) const {
    std::string wanted_text;
    std::vector<ConfigSymbol> wanted;
    for (const fs::path& fragment : fragments) {
        const std::string text = read_file(fragment);
        const auto symbols = parse_fragment(text, fragment.string());
        wanted.insert(wanted.end(), symbols.begin(), symbols.end());
        wanted_text += text + "\n";
    }
    const fs::path done = output / "landfall.config";
    if (read_file(done) == wanted_text && fs::exists(output / ".config")) return;
    fs::create_directories(output);
    make({"tinyconfig"}, {});
    std::ofstream(output / ".config", std::ios::app) << wanted_text;
    make({"olddefconfig"}, {});
    const auto unmet = unmet_symbols(wanted, read_file(output / ".config"));
    if (!unmet.empty()) {
        throw LabError(complaint(label, unmet),
                       "something they depend on is missing, or this kernel does not know them");
    }
    std::ofstream(done) << wanted_text;
}

void KernelTree::build(bool full) const {
    Progress progress(fmt::format("kernel {}: {}", label, full ? "compiling" : "compiling what changed"),
                      log);
    unsigned objects = 0;
    make({fmt::format("-j{}", std::max(1U, std::thread::hardware_concurrency())), arch->image},
         [&] { progress.update(std::min(99U, ++objects * 100 / kObjects)); });
}

void KernelTree::install(const fs::path& folder) const {
    fs::copy_file(output / arch->image_place, folder / arch->image);
    fs::copy_file(output / ".config", folder / "config");
    fs::copy_file(output / "include/config/kernel.release", folder / "release");
    if (!arch->boots_vmlinux) return;
    const CommandResult strip = run_command(
        {"strip", "--strip-all", "-o", (folder / "vmlinux").string(), (output / "vmlinux").string()});
    if (!strip.ok()) throw LabError(fmt::format("kernel {}: strip: {}", label, strip.output));
}

void KernelTree::make(const std::vector<std::string>& targets, const std::function<void()>& on_object) const {
    std::vector<std::string> argv{"make", "O=" + output.string(), "LOCALVERSION=" + local_version};
    argv.insert(argv.end(), targets.begin(), targets.end());
    std::ofstream file(log_file, std::ios::app);
    file << fmt::format("{}\n", fmt::join(argv, " "));
    std::deque<std::string> last;
    CommandOptions options;
    options.directory = source.string();
    options.environment = build_environment(*arch);
    options.limit = minutes(120);
    if (lock >= 0) options.inherit = {lock};
    options.on_line = [&](std::string_view line) {
        file << line << '\n' << std::flush;
        if (on_object && is_object(line)) on_object();
        last.emplace_back(line);
        if (last.size() > kLinesShown) last.pop_front();
    };
    const CommandResult result = run_command(argv, options);
    if (result.ok()) return;
    throw LabError(fmt::format("kernel {}: make {} {}; it ended with\n{}", label, fmt::join(targets, " "),
                               result.timed_out ? "took too long" : "failed", fmt::join(last, "\n")),
                   "the whole log is " + log_file.string());
}

}  // namespace landfall
