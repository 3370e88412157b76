#include "rig/initramfs.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "os/files.hpp"
#include "rig/elf.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSelf = "/proc/self/exe";

struct Entry {
    std::uint64_t mode = 0;
    std::string bytes;
};

/// A newc archive as the kernel reads it (Documentation/driver-api/early-userspace/buffer-format.rst).
std::map<std::string, Entry> read_cpio(const std::string& archive) {
    std::map<std::string, Entry> out;
    const auto field = [&](std::size_t header, std::size_t n) {
        return std::stoull(archive.substr(header + 6 + 8 * n, 8), nullptr, 16);
    };
    const auto padded = [](std::size_t n) { return (n + 3) / 4 * 4; };
    for (std::size_t at = 0; archive.compare(at, 6, "070701") == 0;) {
        const std::size_t size = field(at, 6), name_size = field(at, 11);
        const std::string name = archive.substr(at + 110, name_size - 1);
        const std::size_t data = at + padded(110 + name_size);
        if (name == "TRAILER!!!") return out;
        out[name] = {field(at, 1), archive.substr(data, size)};
        at = data + padded(size);
    }
    ADD_FAILURE() << "the archive does not end as one should";
    return out;
}

std::map<std::string, Entry> initramfs_of(const std::string& program) {
    const Fd file = make_initramfs(program);
    return read_cpio(read_file("/proc/self/fd/" + std::to_string(file.get())));
}

TEST(Initramfs, HoldsTheProgramWhatItNeedsAndNothingElse) {
    const auto entries = initramfs_of(kSelf);
    ASSERT_TRUE(entries.contains("init"));
    EXPECT_EQ(entries.at("init").mode, 0100755U);
    std::set<std::string> files, wanted{"init"};
    for (const auto& [name, entry] : entries) {
        if ((entry.mode & 0170000U) == 0100000U) files.insert(name);
    }
    for (const auto& library : shared_libraries(kSelf)) wanted.insert(library.string().substr(1));
    files.erase("bin/busybox");
    EXPECT_EQ(files, wanted);
    EXPECT_THAT(files, testing::Contains(testing::HasSubstr("libstdc++.so")));
    EXPECT_THAT(files, testing::Contains("lib64/ld-linux-x86-64.so.2"));
}

// The kernel makes no parents: an entry whose folder did not come first is lost.
TEST(Initramfs, FoldersComeBeforeWhatIsInThem) {
    const auto entries = initramfs_of(kSelf);
    for (const auto& [name, entry] : entries) {
        const std::string parent = fs::path(name).parent_path();
        if (parent.empty()) continue;
        ASSERT_TRUE(entries.contains(parent)) << name;
        EXPECT_EQ(entries.at(parent).mode, 040755U);
    }
    for (const char* folder : {"dev", "proc", "sys", "tmp"}) EXPECT_TRUE(entries.contains(folder));
}

TEST(Initramfs, AProgramWithoutItsSectionsStillRuns) {
    std::string bytes = read_file(kSelf);
    const std::size_t whole = bytes.size();
    bytes.resize(cut_behind_segments(bytes).size());
    EXPECT_LT(bytes.size(), whole);
    const fs::path path = fs::path(testing::TempDir()) / ("cut-program-" + std::to_string(getpid()));
    std::ofstream(path, std::ios::binary) << bytes;
    fs::permissions(path, fs::perms::owner_all);
    EXPECT_EQ(run_command({path, "--gtest_list_tests"}).status, 0);
    fs::remove(path);
}

// Of a machine whose programs do not run here nobody can ask the loader.
TEST(Initramfs, OfAFolderIsThatFolder) {
    const auto root = fs::path(testing::TempDir()) / ("root-test-" + std::to_string(getpid()));
    fs::create_directories(root / "lib");
    fs::copy_file(kSelf, root / "init");
    std::ofstream(root / "lib" / "libc.so.6") << "a library";
    const auto entries = initramfs_of(root);
    EXPECT_TRUE(is_elf(entries.at("init").bytes));
    EXPECT_EQ(entries.at("lib").mode, 040755U);
    EXPECT_EQ(entries.at("lib/libc.so.6").bytes, "a library");
    EXPECT_FALSE(entries.contains("lib64/ld-linux-x86-64.so.2"));
    EXPECT_FALSE(entries.contains("bin/busybox")) << "this machine's";
    fs::remove_all(root);
}

TEST(Initramfs, HoldsAScriptIfThereIsOne) {
    const Fd file = make_initramfs(kSelf, {}, {}, "exec\nend\n");
    const auto entries = read_cpio(read_file("/proc/self/fd/" + std::to_string(file.get())));
    ASSERT_TRUE(entries.contains(kScriptFile + 1));
    EXPECT_EQ(entries.at(kScriptFile + 1).bytes, "exec\nend\n");
}

// A module has no segments: what programs do without is all of it.
TEST(Initramfs, ModulesStayWhole) {
    const auto path = fs::path(testing::TempDir()) / ("module-test-" + std::to_string(getpid())) / "00-a.ko";
    fs::create_directories(path.parent_path());
    fs::copy_file(kSelf, path);  // an ELF file with sections
    const Fd file = make_initramfs(kSelf, {}, {path});
    const auto entries = read_cpio(read_file("/proc/self/fd/" + std::to_string(file.get())));
    ASSERT_TRUE(entries.contains("modules/00-a.ko"));
    EXPECT_EQ(entries.at("modules/00-a.ko").bytes, read_file(path));
    EXPECT_LT(entries.at("init").bytes.size(), read_file(path).size());
    fs::remove_all(path.parent_path());
}

TEST(Initramfs, RefusesWhatIsNoProgram) {
    EXPECT_THROW(std::ignore = make_initramfs("/etc/passwd"), LabError);
    EXPECT_THROW(std::ignore = make_initramfs(kSelf, {}, {"/no/such/module.ko"}), LabError);
    EXPECT_THROW(std::ignore = make_initramfs("/no/such/program"), LabError);
    EXPECT_THROW(std::ignore = make_initramfs("/proc/self/fdinfo"), LabError);
}

TEST(Elf, ReadsDamagedFilesWithoutHarm) {
    const std::string whole = read_file(kSelf).substr(0, 8192);
    EXPECT_TRUE(is_elf(whole));
    EXPECT_FALSE(interpreter(whole).empty());
    const auto file = testing::TempDir() + "cut.elf";
    for (std::size_t size = 0; size < whole.size(); size += 61) {
        std::string cut = whole.substr(0, size);
        write_file(file, cut);
        EXPECT_FALSE(has_pvh_entry(file));
        if (is_elf(cut)) std::ignore = cut_behind_segments(cut);
    }
    fs::remove(file);
    EXPECT_TRUE(interpreter("").empty());
}

TEST(Elf, KnowsAKernelThatQemuCanStart) {
    const auto file = testing::TempDir() + "kernel.elf";
    Elf64_Ehdr head{};
    head.e_phoff = sizeof head;
    head.e_phnum = 2;
    std::array<Elf64_Phdr, 2> segments{};
    segments[1].p_type = PT_NOTE;
    segments[1].p_offset = sizeof head + sizeof segments;
    for (const auto& [type, is_one] : {std::pair{18U, true}, {17U, false}}) {
        const std::array<Elf64_Nhdr, 1> note{{{4, 0, type}}};
        std::string notes(reinterpret_cast<const char*>(note.data()), sizeof note);
        notes += std::string("Xen\0", 4);
        notes = std::string(notes).replace(8, 1, "\x02") + notes;  // not the first one
        segments[1].p_filesz = notes.size();
        std::string text(reinterpret_cast<const char*>(&head), sizeof head);
        text += std::string(reinterpret_cast<const char*>(segments.data()), sizeof segments) + notes;
        write_file(file, text);
        EXPECT_EQ(has_pvh_entry(file), is_one) << type;
    }
    fs::remove(file);
    EXPECT_THROW(std::ignore = has_pvh_entry(file), LabError);
}

}  // namespace
}  // namespace landfall
