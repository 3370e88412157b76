#include "rig/apt_suite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "landfall/error.hpp"
#include "os/command.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using std::chrono::minutes;

constexpr const char* kDebian = "http://deb.debian.org/debian/";
constexpr const char* kKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

std::string os_release(std::string_view key) {
    std::ifstream in("/etc/os-release");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(std::string(key) + "=")) return line.substr(key.size() + 1);
    }
    return "";
}

/// "dlstatus:1:45.3:Retrieving file 1 of 1" (apt's README.progress-reporting).
void report(std::string_view line, const std::function<void(unsigned)>& percent) {
    if (!percent || !line.starts_with("dlstatus:")) return;
    const std::size_t at = line.find(':', 9);
    unsigned value = 0;
    if (at == std::string_view::npos) return;
    if (std::from_chars(line.data() + at + 1, line.data() + line.size(), value).ec == std::errc{})
        percent(value);
}

}  // namespace

std::vector<AptSource> apt_sources(const std::vector<std::string>& options) {
    if (find_program("apt-get").empty()) return {};
    std::vector<std::string> argv{"apt-get", "indextargets", "--no-release-info", "--format",
                                  "$(RELEASE) $(COMPONENT) $(REPO_URI)"};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.emplace_back("Created-By: Packages");
    std::istringstream lines(run_command(argv).output);
    std::vector<AptSource> out;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        AptSource source;
        if (!(words >> source.suite >> source.component >> source.uri)) continue;
        if (source.component.front() == '$') continue;  // a source without components
        // apt has one line an architecture.
        if (std::find(out.begin(), out.end(), source) == out.end()) out.push_back(source);
    }
    return out;
}

std::vector<std::string> debian_mirrors(const std::vector<AptSource>& sources, std::string_view codename) {
    std::vector<std::string> out;
    for (const AptSource& source : sources) {
        if (source.suite != codename || source.component != "main" || source.uri == kDebian) continue;
        if (std::find(out.begin(), out.end(), source.uri) == out.end()) out.push_back(source.uri);
    }
    out.emplace_back(kDebian);
    return out;
}

AptSuite::AptSuite(fs::path folder, std::string suite, Log log)
    : folder_(std::move(folder)), suite_(std::move(suite)), log_(std::move(log)) {
    if (find_program("apt-get").empty()) {
        throw LabError(fmt::format("{} comes from Debian and there is no apt-get here", suite_),
                       "give a kernel of your own: --kernel FILE");
    }
    if (!fs::exists(kKeyring)) {
        throw LabError(fmt::format("there is no {} to check {} with", kKeyring, suite_),
                       "apt-get install debian-archive-keyring");
    }
    for (const std::string& mirror : debian_mirrors(apt_sources(), os_release("VERSION_CODENAME"))) {
        if (update(mirror)) return;
    }
    throw LabError(fmt::format("no Debian mirror gives {}", suite_),
                   "is there a network, and a Debian mirror in the apt sources?");
}

std::vector<std::string> AptSuite::command(const char* program) const {
    const std::string dir = folder_.string();
    return {program, "-o", "Dir::Etc::SourceList=" + dir + "/sources.list", "-o",
            "Dir::Etc::SourceParts=/dev/null", "-o", "Dir::State::Lists=" + dir + "/lists", "-o",
            "Dir::Cache=" + dir + "/cache",
            // apt's own user could not write below a home directory.
            "-o", "APT::Sandbox::User=root"};
}

bool AptSuite::update(const std::string& mirror) const {
    // What another mirror gave must not be mistaken for this one's.
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "lists" / "partial");
    fs::create_directories(folder_ / "cache" / "archives" / "partial");
    // A frozen mirror goes on being right after its Release file says it has expired.
    const bool frozen = mirror.find("snapshot") != std::string::npos;
    std::ofstream(folder_ / "sources.list") << fmt::format(
        "deb [signed-by={}{}] {} {} main\n", kKeyring, frozen ? " check-valid-until=no" : "", mirror, suite_);
    if (log_) log_(fmt::format("reading the package list of {} at {}", suite_, mirror));
    auto argv = command("apt-get");
    argv.insert(argv.end(), {"-q", "-o", "APT::Update::Error-Mode=any", "update"});
    CommandOptions options;
    options.limit = minutes(5);
    const CommandResult result = run_command(argv, options);
    if (!result.ok() && log_) log_(fmt::format("{} does not give {}:\n{}", mirror, suite_, result.output));
    return result.ok();
}

std::string AptSuite::version(const std::string& package) const {
    auto argv = command("apt-cache");
    argv.insert(argv.end(), {"madison", package});
    // "linux-source-6.12 | 6.12.95-1~bpo12+1 | http://... Packages", the newest first
    std::istringstream words(run_command(argv).output);
    std::string name, bar, version;
    if (words >> name >> bar >> version && name == package && bar == "|") return version;
    throw LabError(fmt::format("{} has no package {}", suite_, package));
}

std::string AptSuite::stands_for(const std::string& package, std::string_view beginning) const {
    auto argv = command("apt-cache");
    argv.insert(argv.end(), {"depends", "--important", package});
    // "linux-image-amd64", then a line for each, as "  Depends: linux-image-6.1.0-50-amd64"
    std::istringstream words(run_command(argv).output);
    for (std::string word; words >> word;)
        if (word == "Depends:" && words >> word && word.starts_with(beginning)) return word;
    return package;
}

fs::path AptSuite::download(const std::string& package, const std::string& version, const fs::path& into,
                            const std::function<void(unsigned)>& percent) const {
    auto argv = command("apt-get");
    argv.insert(argv.end(), {"-q", "-o", "APT::Status-Fd=1", "download", package + "=" + version});
    std::string said;
    CommandOptions options;
    options.directory = into.string();
    options.limit = minutes(60);
    options.on_line = [&](std::string_view line) {
        report(line, percent);
        said.append(line).append("\n");
    };
    if (!run_command(argv, options).ok()) {
        throw LabError(fmt::format("apt could not download {} {}:\n{}", package, version, said));
    }
    for (const auto& entry : fs::directory_iterator(into)) {
        if (entry.path().extension() == ".deb") return entry.path();
    }
    throw LabError(fmt::format("apt downloaded no {} {}:\n{}", package, version, said));
}

}  // namespace landfall
