#include "rig/snapshot.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "landfall/error.hpp"
#include "os/files.hpp"
#include "rig/qemu_rig.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kBytes = 8U << 20;
constexpr const char* kName = "0123456789abcdef0123456789abcdef";

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

MachineState machine(const std::string& devices = "registers", std::size_t pages = 3) {
    auto out = MachineState::blank(kBytes);
    const std::string page(kPageSize, 'm');
    out.memory.fill(0, bytes_of(page));
    for (std::size_t i = 0; i < pages; ++i) out.memory.fill((16 + i) * kPageSize, bytes_of(page));
    out.memory.fill(kBytes - kPageSize, bytes_of(page));
    EXPECT_EQ(write(out.devices.get(), devices.data(), devices.size()), static_cast<ssize_t>(devices.size()));
    out.console = "Linux version 6.12\n";
    out.emulator = "10.0.2 Debian";
    return out;
}

std::optional<MachineState> load(const Snapshot& snapshot, std::uint64_t bytes) {
    auto out = MachineState::blank(bytes);
    return snapshot.load(out) ? std::optional(std::move(out)) : std::nullopt;
}

std::string devices_of(const MachineState& state) {
    std::string out(1000, '\0');
    const ssize_t n = pread(state.devices.get(), out.data(), out.size(), 0);
    out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return out;
}

class SnapshotTest : public testing::Test {
  protected:
    ~SnapshotTest() override { fs::remove_all(dir_); }
    [[nodiscard]] std::vector<std::string> files() const {
        std::vector<std::string> out;
        for (const auto& e : fs::directory_iterator(dir_)) out.push_back(e.path().filename());
        std::ranges::sort(out);
        return out;
    }

    fs::path dir_ = fs::path(testing::TempDir()) / ("snapshot-test-" + std::to_string(getpid()));
    Snapshot snapshot_{dir_, kName};
    fs::path file_ = dir_ / kName;
};

TEST_F(SnapshotTest, GivesBackWhatWasKept) {
    EXPECT_FALSE(load(snapshot_, kBytes));
    const auto kept = machine();
    snapshot_.keep(kept);
    EXPECT_THAT(files(), ElementsAre(kName));
    const auto got = load(snapshot_, kBytes);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->memory.touched(), kept.memory.touched());
    EXPECT_EQ(std::memcmp(got->memory.bytes().data(), kept.memory.bytes().data(), kBytes), 0);
    EXPECT_EQ(devices_of(*got), "registers");
    EXPECT_EQ(got->console, kept.console);
    EXPECT_EQ(got->emulator, kept.emulator);
}

TEST_F(SnapshotTest, TheNewOneTakesThePlaceOfTheOld) {
    snapshot_.keep(machine("old"));
    snapshot_.keep(machine("new"));
    EXPECT_EQ(devices_of(*load(snapshot_, kBytes)), "new");
    EXPECT_THAT(files(), ElementsAre(kName));
}

TEST_F(SnapshotTest, AFileWithOneBitChangedIsNone) {
    snapshot_.keep(machine());
    const auto whole = read_file(file_);
    // In each part of it: magic, key, text, list of pieces, memory, hash.
    for (const std::size_t at : {std::size_t{9}, std::size_t{40}, std::size_t{80}, std::size_t{130}, std::size_t{180},
                                 whole.size() / 2, whole.size() - 20, whole.size() - 1}) {
        auto damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 1);
        write_file(file_, damaged);
        EXPECT_FALSE(load(snapshot_, kBytes)) << at;
        EXPECT_THAT(files(), IsEmpty()) << at;
    }
}

TEST_F(SnapshotTest, AFileThatIsTooShortOrTooLongIsNone) {
    snapshot_.keep(machine());
    const auto whole = read_file(file_);
    for (const std::size_t length : {std::size_t{0}, std::size_t{5}, std::size_t{100}, whole.size() / 2, whole.size() - 1}) {
        write_file(file_, whole.substr(0, length));
        EXPECT_FALSE(load(snapshot_, kBytes)) << length;
    }
    write_file(file_, whole + "x");
    EXPECT_FALSE(load(snapshot_, kBytes));
    write_file(file_, whole);
    EXPECT_TRUE(load(snapshot_, kBytes));
}

TEST_F(SnapshotTest, AnotherMachinesIsNone) {
    snapshot_.keep(machine());
    EXPECT_FALSE(load(snapshot_, 2 * kBytes));
    snapshot_.keep(machine());
    const std::string other(32, '0');
    fs::rename(file_, dir_ / other);
    EXPECT_FALSE(load(Snapshot(dir_, other), kBytes));
}

TEST_F(SnapshotTest, IsFitUntilItIsForgotten) {
    snapshot_.keep(machine());
    EXPECT_FALSE(snapshot_.known_fit());
    snapshot_.remember_fit();
    EXPECT_TRUE(snapshot_.known_fit());
    write_file(file_, "damaged");
    EXPECT_FALSE(load(snapshot_, kBytes));
    EXPECT_FALSE(snapshot_.known_fit());
}

TEST_F(SnapshotTest, TheOneNotUsedForLongestMakesRoom) {
    const auto one = machine();
    const auto snapshot = [&](char c) { return Snapshot(dir_, std::string(32, c), 50U << 10); };
    for (const char c : {'a', 'b'}) {
        snapshot(c).keep(one);
        snapshot(c).remember_fit();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_TRUE(load(snapshot('a'), kBytes));  // used
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    snapshot('c').keep(one);
    EXPECT_TRUE(load(snapshot('a'), kBytes));
    EXPECT_FALSE(load(snapshot('b'), kBytes));
    EXPECT_FALSE(snapshot('b').known_fit());
    EXPECT_TRUE(load(snapshot('c'), kBytes));
}

TEST_F(SnapshotTest, AFullDiskLeavesNothing) {
    fs::create_directories(dir_);
    const auto state = machine();
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        const rlimit small{8192, 8192};
        setrlimit(RLIMIT_FSIZE, &small);
        try {
            snapshot_.keep(state);
        } catch (const LabError& e) {
            _exit(std::string(e.what()) == file_.string() + ": " + std::strerror(EFBIG) ? 0 : 1);
        }
        _exit(2);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_THAT(files(), IsEmpty());
}

TEST_F(SnapshotTest, ADirectoryThatCannotBeMadeIsSaid) {
    write_file(dir_, "a file");
    EXPECT_THROW(snapshot_.keep(machine()), LabError);
    EXPECT_FALSE(load(snapshot_, kBytes));
}

// Whoever is killed while keeping one leaves the old one, the new one or none; and what is left is cleared away.
TEST_F(SnapshotTest, AKilledKeeperMisleadsNobody) {
    const auto state = machine("registers", 1500);
    for (unsigned n = 0; n < 20; ++n) {
        const pid_t child = fork();
        if (child == 0) {
            for (;;) snapshot_.keep(state);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(3 + n));
        ASSERT_EQ(kill(child, SIGKILL), 0);
        ASSERT_EQ(waitpid(child, nullptr, 0), child);
        if (!fs::exists(file_)) continue;
        const auto got = load(snapshot_, kBytes);
        ASSERT_TRUE(got);
        EXPECT_EQ(devices_of(*got), "registers");
    }
    snapshot_.keep(state);
    EXPECT_THAT(files(), ElementsAre(kName));
}

TEST_F(SnapshotTest, TwoAtOnceDoNotHarmEachOther) {
    const auto state = machine("registers", 5);
    snapshot_.keep(state);
    std::vector<pid_t> children;
    for (int n = 0; n < 2; ++n) {
        children.push_back(fork());
        if (children.back() != 0) continue;
        for (int i = 0; i < 200; ++i) snapshot_.keep(state);
        _exit(0);
    }
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(load(snapshot_, kBytes));
    for (const pid_t child : children) {
        int status = -1;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
    EXPECT_THAT(files(), ElementsAre(kName));
}

class SnapshotKeyTest : public SnapshotTest {
  protected:
    SnapshotKeyTest() {
        fs::create_directories(dir_);
        for (const char* name : {"qemu", "kernel", "initramfs"}) write_file(dir_ / name, name);
    }
    [[nodiscard]] std::string key(const RigFile& file, const RigOptions& options = {},
                                  Accelerator accelerator = Accelerator::tcg) const {
        const QemuRig::Parts parts{dir_ / "qemu", dir_ / kernel_,
                                   Fd(open((dir_ / "initramfs").c_str(), O_RDONLY | O_CLOEXEC)), Fd()};
        return snapshot_key(file, options, parts, accelerator).str();
    }
    RigFile rig_ = load_rig("edu-pair-vtd");
    std::string kernel_ = "kernel";
};

TEST_F(SnapshotKeyTest, IsTheSameForTheSameMachine) {
    const auto first = key(rig_);
    EXPECT_EQ(first.size(), 32U);
    const Fd another(open("/dev/null", O_RDONLY | O_CLOEXEC));  // so that all descriptors have other numbers
    EXPECT_EQ(key(rig_), first);
    fs::copy_file(dir_ / "kernel", dir_ / "same-kernel");
    kernel_ = "same-kernel";
    EXPECT_EQ(key(rig_), first);
}

TEST_F(SnapshotKeyTest, CoversEverythingAMachineIsMadeOf) {
    std::vector<std::string> seen{key(rig_)};
    const auto see = [&](const std::string& key) {
        EXPECT_THAT(seen, testing::Not(testing::Contains(key)));
        seen.push_back(key);
    };
    RigOptions options;
    options.kernel_args = "debug";
    see(key(rig_, options));
    see(key(rig_, {}, Accelerator::kvm));
    see(key(load_rig("edu-pair-vtd-scalable")));
    auto changed = rig_;
    changed.memory_mib = 256;
    see(key(changed));
    changed = rig_;
    changed.qemu_args.back() += ",romfile=";
    see(key(changed));
    for (const char* name : {"qemu", "kernel", "initramfs"}) {
        write_file(dir_ / name, std::string("another ") + name);
        see(key(rig_));
    }
}

TEST_F(SnapshotKeyTest, WithoutAKernelThereIsNone) {
    kernel_ = "nothing";
    EXPECT_THROW(std::ignore = key(rig_), LabError);
}

}  // namespace
}  // namespace landfall
