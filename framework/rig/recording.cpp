#include "rig/recording.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "landfall/error.hpp"
#include "os/files.hpp"
#include "rig/content_hash.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using Files = RecordingFiles;
using Json = nlohmann::json;

constexpr int kFormat = 1;
constexpr const char* kPart = "manifest.json.part";
constexpr std::array kAll{Files::kLog,      Files::kKernel, Files::kInitramfs, Files::kRig,
                          Files::kScenario, Files::kTrace,  Files::kConsole};

LabError trouble(const fs::path& path, const std::string& why) { return LabError(fmt::format("{}: {}", path.string(), why)); }

Fd open_file(const fs::path& path, int flags) {
    Fd out(::open(path.c_str(), flags | O_CLOEXEC, 0666));
    if (!out) throw trouble(path, std::strerror(errno));
    return out;
}

std::string hash_of(const fs::path& path) {
    ContentHash hash;
    hash.add_file(open_file(path, O_RDONLY).get(), path.string());
    return hash.hex();
}

/// Makes the directory if there is none; true if it did.
bool take_directory(const fs::path& directory) {
    std::error_code error;
    const bool made = fs::create_directories(directory, error);
    if (error) throw trouble(directory, error.message());
    const fs::directory_iterator entries(directory, error);
    if (error) throw trouble(directory, error.message());
    if (entries != fs::directory_iterator())
        throw TextError({"--record", 0, 0}, fmt::format("{}, with {} in it", directory.string(), entries->path().filename().string()),
                        "a directory that is empty or not there yet");
    return made;
}

/// What removes all of a recording in a process of its own, which may only make system calls.
std::function<void()> cleanup(const fs::path& directory, bool whole) {
    std::vector<std::string> paths{(directory / kPart).string(), (directory / Files::kManifest).string()};
    for (const auto* name : kAll) paths.push_back((directory / name).string());
    return [paths, top = directory.string(), whole] {
        for (const auto& path : paths) unlink(path.c_str());
        if (whole) rmdir(top.c_str());
    };
}

/// QEMU writes the head of its log, the version of its format, when it ends by itself (replay/replay.c, replay_finish).
bool has_head(const Fd& log) {
    std::array<unsigned char, 4> version{};
    return pread(log.get(), version.data(), version.size(), 0) == 4 && version != std::array<unsigned char, 4>{};
}

Json json_of(const Manifest& m, const fs::path& directory) {
    Json out{{"format", kFormat},       {"rig", m.rig},           {"scenario", m.scenario}, {"kernel", m.kernel},
             {"kernel-args", m.kernel_args}, {"qemu", m.emulator}, {"arguments", m.arguments}};
    out["api"] = m.api ? Json(api_str(*m.api)) : Json();
    out["searches"] = Json::array();
    for (const auto& s : m.searches) out["searches"].push_back({{"instruction", s.instruction}, {"found", s.found}});
    for (const auto* name : kAll) out["files"][name] = hash_of(directory / name);
    return out;
}

Manifest manifest_of(const Json& json) {
    Manifest m;
    json.at("rig").get_to(m.rig);
    json.at("scenario").get_to(m.scenario);
    json.at("kernel").get_to(m.kernel);
    json.at("kernel-args").get_to(m.kernel_args);
    json.at("qemu").get_to(m.emulator);
    json.at("arguments").get_to(m.arguments);
    if (const auto& api = json.at("api"); !api.is_null()) m.api = api_named(api.get<std::string>(), "api");
    for (const auto& s : json.at("searches")) m.searches.push_back({s.at("instruction"), s.at("found")});
    return m;
}

void expect_format(const Json& json) {
    if (const int format = json.at("format"); format != kFormat)
        throw LabError(fmt::format("a recording of format {}, expected {}", format, kFormat));
}

}  // namespace

NewRecording::NewRecording(const fs::path& directory) : directory_(fs::absolute(directory)) {
    const bool made = take_directory(directory_);
    // Of two that begin in one directory the second fails here, and must not clean up after the first.
    log_ = open_file(directory_ / Files::kLog, O_RDWR | O_CREAT | O_EXCL);
    keeper_.emplace(cleanup(directory_, made));
}

void NewRecording::put(const char* name, std::string_view text) const {
    write_file(directory_ / name, std::string(text));
}

void NewRecording::copy(const char* name, int from) const {
    const auto path = directory_ / name;
    const Fd to = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
    struct stat source {};
    if (fstat(from, &source) != 0) throw trouble(path, std::strerror(errno));
    for (off_t at = 0; at < source.st_size;) {
        const ssize_t n = sendfile(to.get(), from, &at, static_cast<std::size_t>(source.st_size - at));
        if (n == 0) throw trouble(path, "its source was cut meanwhile");
        if (n < 0 && errno != EINTR) throw trouble(path, std::strerror(errno));
    }
}

void NewRecording::complete(const Manifest& manifest) {
    if (!has_head(log_)) throw trouble(directory_ / Files::kLog, "QEMU did not finish it");
    write_file(directory_ / kPart, json_of(manifest, directory_).dump(1) + '\n');
    std::error_code error;
    fs::rename(directory_ / kPart, directory_ / Files::kManifest, error);
    if (error) throw trouble(directory_ / Files::kManifest, error.message());
    keeper_->dismiss();
}

Recording::Recording(fs::path directory) : directory_(std::move(directory)) {
    const auto path = file(Files::kManifest);
    if (!fs::exists(path))
        throw LabError(fmt::format("{} is no recording: it has no {}", directory_.string(), Files::kManifest),
                       "landfall run SCENARIO --rig RIG --record DIRECTORY makes one");
    Json hashes;
    try {
        const Json json = Json::parse(read_file(path));
        expect_format(json);
        manifest_ = manifest_of(json);
        hashes = json.at("files");
        for (const auto* name : kAll)
            if (const auto is = hash_of(file(name)), was = hashes.at(name).get<std::string>(); is != was)
                throw trouble(file(name), fmt::format("not as it was recorded: its hash is {}, expected {}", is, was));
    } catch (const Json::exception& e) {
        throw trouble(path, fmt::format("not as it was recorded: {}", e.what()));
    } catch (const TextError& e) {
        throw trouble(path, fmt::format("not as it was recorded: {}", e.what()));
    }
}

Fd Recording::open(const char* name) const { return open_file(file(name), O_RDONLY); }

}  // namespace landfall
