#include "rig/kernel_file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "landfall/error.hpp"
#include "os/files.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

class KernelFileTest : public testing::Test {
  protected:
    ~KernelFileTest() override { fs::remove(path_); }
    std::optional<KernelFile> inspect(const std::string& content) {
        write_file(path_, content);
        return inspect_kernel_file(path_);
    }
    std::string path_ = fs::path(testing::TempDir()) / ("kernel-file-test-" + std::to_string(getpid()));
};

std::string bzimage(const std::string& version) {
    std::string file(0x400, '\0');
    file.replace(0x202, 4, "HdrS");
    file[0x20e] = '\x10';  // the text stands at 0x200 + 0x110
    file[0x20f] = '\x01';
    return file.replace(0x310, version.size(), version);
}

TEST_F(KernelFileTest, ReadsTheReleaseOfABzImage) {
    const auto file = inspect(bzimage("6.12.95-mutant (landfall@landfall) #1 SMP"));
    ASSERT_TRUE(file);
    EXPECT_EQ(file->kind, KernelFile::Kind::bzimage);
    EXPECT_EQ(file->release, "6.12.95-mutant");
}

TEST_F(KernelFileTest, ABzImageNeedNotSayItsRelease) {
    std::string content = bzimage("6.12");
    content[0x20e] = content[0x20f] = '\0';
    EXPECT_EQ(inspect(content)->release, "");
    content[0x20e] = content[0x20f] = '\xff';
    EXPECT_EQ(inspect(content)->release, "") << "an offset behind the end of the file";
}

TEST_F(KernelFileTest, ReadsTheReleaseOfAVmlinux) {
    const auto file = inspect("\177ELF" + std::string(3 << 20, 'x') + "Linux version %s (%s)" +
                              std::string(1, '\0') + "Linux version 7.3.4 (landfall)");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->kind, KernelFile::Kind::vmlinux);
    EXPECT_EQ(file->release, "7.3.4");
}

TEST_F(KernelFileTest, KnowsAKernelOfAarch64) {
    std::string image(0x1000, '\0');
    image.replace(56, 4, "ARM\x64");
    const auto flat = inspect(image + "Linux version 6.12.95 (landfall)");
    ASSERT_TRUE(flat);
    EXPECT_EQ(flat->kind, KernelFile::Kind::image);
    EXPECT_EQ(flat->release, "6.12.95");
    EXPECT_EQ(flat->arch, "aarch64");
    std::string elf = "\177ELF" + std::string(0x1000, '\0');
    EXPECT_EQ(inspect(elf)->arch, "x86_64");
    elf[18] = '\xb7';  // e_machine: EM_AARCH64
    EXPECT_EQ(inspect(elf)->arch, "aarch64");
}

TEST_F(KernelFileTest, FindsAReleaseThatLiesAcrossTwoReads) {
    constexpr std::size_t kPiece = 1 << 20;
    for (std::size_t before = 0; before < 24; ++before) {
        const std::string start = "\177ELF" + std::string(kPiece - 4 - before, 'x');
        EXPECT_EQ(inspect(start + "Linux version 6.12.95 (" + std::string(600, 'y'))->release, "6.12.95");
    }
}

TEST_F(KernelFileTest, AnythingElseIsNoKernel) {
    EXPECT_FALSE(inspect(""));
    EXPECT_FALSE(inspect("HdrS"));
    EXPECT_FALSE(inspect(std::string(0x1000, 'x')));
    EXPECT_THROW((void)inspect_kernel_file("/no/such/file"), LabError);
}

}  // namespace
}  // namespace landfall
