#include "rig/kernel_modules.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstring>
#include <map>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "os/files.hpp"
#include "rig/elf.hpp"
#include "rig/kernel_package.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <class T>
std::string bytes_of(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// An object file with nothing but a .modinfo, as a module has one among much else.
std::string module_file(const std::string& depends) {
    const std::string info = std::string("license=GPL") + '\0' + "depends=" + depends + '\0' + "name=x" + '\0';
    const std::string names = std::string("\0.modinfo\0.names\0", 17);
    Elf64_Ehdr head{};
    std::memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_shoff = sizeof head;
    head.e_shnum = 3;
    head.e_shstrndx = 2;
    Elf64_Shdr none{}, modinfo{}, strings{};
    modinfo.sh_name = 1;
    modinfo.sh_offset = sizeof head + 3 * sizeof none;
    modinfo.sh_size = info.size();
    strings.sh_name = 10;
    strings.sh_offset = modinfo.sh_offset + info.size();
    strings.sh_size = names.size();
    return bytes_of(head) + bytes_of(none) + bytes_of(modinfo) + bytes_of(strings) + info + names;
}

TEST(KernelModules, HaveTheKernelsNameForThem) {
    EXPECT_EQ(module_name("kernel/drivers/vfio/pci/vfio-pci-core.ko.xz"), "vfio_pci_core");
    EXPECT_EQ(module_name("vfio.ko"), "vfio");
    EXPECT_EQ(module_name("modules.order"), "");
    EXPECT_EQ(module_name("vfio.ko.debug"), "");
}

TEST(KernelModules, SayWhatTheyDependOn) {
    EXPECT_THAT(module_depends(module_file("vfio-pci-core,vfio")), ElementsAre("vfio_pci_core", "vfio"));
    EXPECT_THAT(module_depends(module_file("")), IsEmpty());
    EXPECT_THAT(module_depends("no ELF file"), IsEmpty());
    for (const auto whole = module_file("vfio"); const auto length : {0U, 63U, 70U, 200U, 260U})
        std::ignore = module_depends(whole.substr(0, length));  // of a file that was cut off nothing is known, and that is all
}

TEST(KernelModules, AreLoadedBehindWhatTheyNeed) {
    const std::map<std::string, std::vector<std::string>> known{
        {"pci", {"core", "vfio"}}, {"core", {"vfio", "bypass"}}, {"vfio", {}}, {"type1", {"vfio"}}};
    const auto depends = [&](const std::string& name) -> std::optional<std::vector<std::string>> {
        const auto it = known.find(name);
        if (it == known.end()) return std::nullopt;
        return it->second;
    };
    EXPECT_THAT(load_order({"pci", "type1", "builtin"}, depends), ElementsAre("vfio", "core", "pci", "type1"));
}

// Debian's package of a kernel, as far as it is looked at.
class KernelPackageTest : public testing::Test {
  protected:
    KernelPackageTest() {
        fs::create_directories(root_ / "boot");
        fs::create_directories(tree_ / "kernel/drivers");
        fs::create_directories(taken_);
        write_file(root_ / "boot/vmlinuz-6.1.0-9-amd64", "a kernel");
        write_file(root_ / "boot/config-6.1.0-9-amd64", "CONFIG_A=y\n");
        write_file(tree_ / "modules.builtin", "kernel/drivers/virtio/virtio_pci.ko\nkernel/drivers/virtio_console.ko\n");
        module("vfio", "");
        module("vfio_iommu_type1", "vfio");
        module("vfio-pci", "vfio-pci-core,vfio");
        module("vfio-pci-core", "vfio");
        module("sound", "");
    }
    ~KernelPackageTest() override { fs::remove_all(dir_); }

    [[nodiscard]] fs::path file(const std::string& name) const { return tree_ / "kernel/drivers" / (name + ".ko"); }
    void module(const std::string& name, const std::string& depends) const { write_file(file(name), module_file(depends)); }
    [[nodiscard]] std::vector<std::string> taken() const {
        std::vector<std::string> out;
        for (const auto& path : taken_modules(taken_ / "modules")) out.push_back(path.filename());
        return out;
    }

    fs::path dir_ = fs::path(testing::TempDir()) / ("kernel-package-test-" + std::to_string(getpid()));
    fs::path root_ = dir_ / "root", tree_ = root_ / "lib/modules/6.1.0-9-amd64", taken_ = dir_ / "taken";
};

TEST_F(KernelPackageTest, AGuestGetsItsKernelAndWhatItLoads) {
    take_kernel(root_, taken_);
    EXPECT_EQ(read_file(taken_ / "bzImage"), "a kernel");
    EXPECT_EQ(read_first_line(taken_ / "release"), "6.1.0-9-amd64");
    EXPECT_THAT(taken(), ElementsAre("00-vfio.ko", "01-vfio_iommu_type1.ko", "02-vfio_pci_core.ko", "03-vfio_pci.ko"));
    EXPECT_EQ(read_file(taken_ / "modules/00-vfio.ko"), read_file(file("vfio")));
}

TEST_F(KernelPackageTest, ModulesAreUnpacked) {
    if (find_program("xz").empty()) GTEST_SKIP() << "there is no xz";
    const auto plain = read_file(file("vfio-pci-core"));
    ASSERT_TRUE(run_command({"xz", file("vfio-pci-core").string()}).ok());
    take_kernel(root_, taken_);
    EXPECT_THAT(taken(), testing::Contains("02-vfio_pci_core.ko"));
    EXPECT_EQ(read_file(taken_ / "modules/02-vfio_pci_core.ko"), plain);
}

TEST_F(KernelPackageTest, ModulesMayBeBelowUsr) {
    fs::create_directories(root_ / "usr");
    fs::rename(root_ / "lib", root_ / "usr/lib");
    take_kernel(root_, taken_);
    EXPECT_EQ(taken().size(), 4U);
}

TEST_F(KernelPackageTest, WhatIsMissingIsNamed) {
    const auto told = [this] {
        try {
            take_kernel(root_, taken_);
        } catch (const LabError& e) {
            return std::string(e.what());
        }
        return std::string("nothing");
    };
    fs::remove(file("vfio-pci"));
    EXPECT_THAT(told(), HasSubstr("has no vfio_pci"));
    fs::remove(root_ / "boot/vmlinuz-6.1.0-9-amd64");
    EXPECT_THAT(told(), HasSubstr("no boot/vmlinuz-"));
}

}  // namespace
}  // namespace landfall
