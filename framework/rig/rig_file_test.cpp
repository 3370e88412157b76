#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "landfall/error.hpp"
#include "os/files.hpp"
#include "rig/machine.hpp"
#include "rig/rig.hpp"
#include "rig/yaml.hpp"
#include "source_dir.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kGood = R"(title: a rig
kind: qemu
kernel: "6.12"
iommu: vtd
devices:
  - { at: 8.0, model: edu, name: a }
  - { at: 8.1, model: edu, name: b }
groups:
  - [a, b]
)";

class RigFileTest : public testing::Test {
  protected:
    RigFileTest() { std::filesystem::create_directories(dir_); }
    ~RigFileTest() override { std::filesystem::remove_all(dir_); }

    RigFile load(const std::string& text) {
        std::ofstream(path_) << text;
        return load_rig(path_);
    }
    /// The good file with one piece of it replaced.
    RigFile changed(const std::string& what, const std::string& with) {
        std::string text = kGood;
        text.replace(text.find(what), what.size(), with);
        return load(text);
    }
    /// The message, without the folder the file is in.
    std::string error(const std::string& what, const std::string& with) {
        try {
            changed(what, with);
        } catch (const TextError& e) {
            return std::string(e.what()).substr(dir_.string().size() + 1);
        }
        return "no error";
    }

    std::filesystem::path dir_ =
        std::filesystem::path(testing::TempDir()) / ("rig-file-test-" + std::to_string(getpid()));
    std::string path_ = dir_ / "r.yaml";
};

TEST_F(RigFileTest, ReadsAMachine) {
    const RigFile rig =
        changed("iommu: vtd", "iommu: vtd\nmemory: 1G\ncpus: 2\nkernel-args: quiet pci=noari");
    EXPECT_EQ(rig.name, "r");
    EXPECT_EQ(rig.title, "a rig");
    EXPECT_EQ(rig.kernel, "6.12");
    EXPECT_EQ(rig.memory_mib, 1024U);
    EXPECT_EQ(rig.cpus, 2U);
    EXPECT_THAT(rig.kernel_args, ElementsAre("quiet", "pci=noari"));
    ASSERT_EQ(rig.functions.size(), 2U);
    EXPECT_EQ(rig.functions[1].name, "b");
    EXPECT_EQ(rig.functions[1].bdf.str(), "0000:00:08.1");
    EXPECT_EQ(rig.functions[1].engine, "edu");
    EXPECT_THAT(rig.groups, ElementsAre(ElementsAre("a", "b")));
}

TEST_F(RigFileTest, ReadsWhatItIsDrivenBy) {
    EXPECT_EQ(changed("iommu: vtd", "iommu: vtd").api, std::nullopt);
    EXPECT_EQ(changed("iommu: vtd", "iommu: vtd\napi: type1").api, Api::type1);
    const auto local = load("title: t\nkind: local\napi: iommufd\nfunctions: { a: '0000:03:00.0' }\ngroups: [[a]]\n");
    EXPECT_EQ(local.api, Api::iommufd);
    RigOptions options;
    EXPECT_EQ(chosen_api(local, options), Api::iommufd);
    options.api = api_named("type1", "--api");
    EXPECT_EQ(chosen_api(local, options), Api::type1);
    EXPECT_THROW(std::ignore = api_named("type2", "--api"), TextError);
    EXPECT_THROW(std::ignore = start_rig(load_rig("sim"), options), TextError) << "a simulated machine has no containers";
}

TEST_F(RigFileTest, ReadsTheMachineItRunsOn) {
    const RigFile rig = load("title: t\nkind: local\nfunctions: { a: '0000:03:00.0' }\ngroups: [[a]]\n");
    EXPECT_EQ(rig.kind, RigFile::Kind::local);
    ASSERT_EQ(rig.functions.size(), 1U);
    EXPECT_EQ(rig.functions[0].bdf.str(), "0000:03:00.0");
}

/// How `landfall exec` is told of the functions.
std::vector<std::string> arguments_of(const RigFile& rig) {
    std::vector<std::string> out;
    for (const auto& f : rig.functions) out.push_back(device_argument(f));
    return out;
}

TEST_F(RigFileTest, ReadsWhatMayBeOverwritten) {
    const std::string head = "title: t\nkind: local\ngroups: [[a], [b]]\nfunctions:\n  a: '0000:03:00.0'\n";
    const RigFile rig = load(head + "  b: { at: '0000:04:00.0', scratch: true }\n");
    EXPECT_THAT(arguments_of(rig), ElementsAre("a=0000:03:00.0", "b=0000:04:00.0,scratch"));
    try {
        std::ignore = load(head + "  b: { at: '0000:04:00.0', scratch: yes }\n");
        FAIL();
    } catch (const TextError& e) {
        EXPECT_THAT(e.what(), HasSubstr("r.yaml:6:37: found 'yes', expected true or false"));
    }
}

TEST_F(RigFileTest, ReadsVirtualFunctions) {
    const RigFile rig = load(R"(title: t
kind: qemu
kernel: k
iommu: vtd
devices:
  - { at: 4.0, model: pcie-root-port, below: [{ at: 0.0, model: igb, vfs: [a, b] }] }
  - { at: 9.0, model: igb, vfs: [c] }
groups: [[a, b], [c]]
)");
    EXPECT_THAT(arguments_of(rig),
                ElementsAre("a=0000:01:00.0/virtfn0", "b=0000:01:00.0/virtfn1", "c=0000:00:09.0/virtfn0"));
    EXPECT_EQ(rig.functions[1].engine, "igbvf");
    const RigFile local = load(
        "title: t\nkind: local\ngroups: [[a, b]]\nfunctions:\n"
        "  a: { at: '0000:03:00.0', vf: 0 }\n  b: { at: '0000:03:00.0', vf: 3, scratch: true }\n");
    EXPECT_THAT(arguments_of(local), ElementsAre("a=0000:03:00.0/virtfn0", "b=0000:03:00.0/virtfn3,scratch"));
}

TEST_F(RigFileTest, PointsAtMistakesAboutVirtualFunctions) {
    const std::string b = "model: edu, name: b";
    EXPECT_EQ(error(b, "model: edu, vfs: [b]"),
              "r.yaml:7:33: found 'a list', expected no virtual functions: this model has none");
    EXPECT_EQ(error(b, "model: igb, name: p, vfs: [b]"),
              "r.yaml:7:42: found 'a list', expected a device that has a name or virtual functions, not both");
    EXPECT_EQ(error(b, "model: igb, vfs: b"), "r.yaml:7:33: found 'b', expected a list");
    EXPECT_EQ(error(b, "model: igb, vfs: []"), "r.yaml:7:33: found 'a list', expected 1 to 8 names");
    EXPECT_EQ(error(b, "model: igb, vfs: [b, c, d, e, f, g, h, i, j]"),
              "r.yaml:7:33: found 'a list', expected 1 to 8 names");
    EXPECT_EQ(error(b, "model: igb, vfs: [b, a]"), "r.yaml:7:37: found 'a', expected a name no other function has");
    EXPECT_EQ(error(b, "model: igb, vfs: [b, b]"), "r.yaml:7:37: found 'b', expected a name no other function has");
    EXPECT_EQ(error(b, "model: igb, vfs: [b.c]"),
              "r.yaml:7:34: found 'b.c', expected a name: a letter, then letters, digits, '-' and '_'");
    const auto local = [this](const std::string& functions) {
        try {
            std::ignore = load("title: t\nkind: local\ngroups: [[a], [b]]\nfunctions:\n  a: '0000:03:00.0'\n" + functions);
        } catch (const TextError& e) {
            return std::string(e.what()).substr(dir_.string().size() + 1);
        }
        return std::string("no error");
    };
    EXPECT_EQ(local("  b: { at: '0000:03:00.0', vf: 0 }\n"),
              "r.yaml:6:12: found '0000:03:00.0', expected a function or virtual functions of it, not both");
    EXPECT_EQ(local("  b: '0000:03:00.0'\n"),
              "r.yaml:6:6: found '0000:03:00.0', expected a function no other name stands for");
    EXPECT_EQ(local("  b: { at: '0000:04:00.0', vf: first }\n"),
              "r.yaml:6:32: found 'first', expected a number from 0 to 255");
}

// The firmware numbers buses depth first; the file only says what is below what.
TEST_F(RigFileTest, WorksOutBusNumbers) {
    const RigFile rig = load(R"(title: t
kind: qemu
kernel: k
iommu: vtd
devices:
  - { at: 9.0, model: pcie-root-port, below: [{ at: 0.0, model: edu, name: c }] }
  - at: 4.0
    model: pcie-root-port
    below:
      - { at: 0.0, model: pcie-pci-bridge, below: [{ at: 1.0, model: edu, name: a }, { at: 2.0, model: edu, name: b }] }
groups: [[a, b], [c]]
)");
    std::vector<std::string> found;
    for (const auto& f : rig.functions) found.push_back(f.name + " " + f.bdf.str());
    EXPECT_THAT(found, ElementsAre("a 0000:02:01.0", "b 0000:02:02.0", "c 0000:03:00.0"));
}

TEST_F(RigFileTest, PointsAtEveryMistake) {
    EXPECT_EQ(error("kind: qemu", "kind: quemu"), "r.yaml:2:7: found 'quemu', expected qemu, local or sim");
    EXPECT_EQ(error("title: a rig", "title: [a, rig]"), "r.yaml:1:8: found 'a list', expected a text");
    EXPECT_EQ(error("kernel: \"6.12\"\n", ""), "r.yaml:1:1: expected a key 'kernel'");
    EXPECT_EQ(error("iommu: vtd", "iommu: vtd\napi: vfio"), "r.yaml:5:6: found 'vfio', expected iommufd, type1 or compat");
    EXPECT_EQ(error("iommu: vtd", "iommu: smmu"),
              "r.yaml:4:8: found 'smmu', expected an IOMMU: vtd, vtd-scalable, vtd-firstlevel, amd, virtio, smmuv3");
    EXPECT_EQ(error("iommu: vtd", "iommu: { model: smmu }"),
              "r.yaml:4:17: found 'smmu', expected an IOMMU: vtd, vtd-scalable, vtd-firstlevel, amd, virtio, smmuv3");
    EXPECT_EQ(error("iommu: vtd", "iommu: { properties: { pt: on } }"), "r.yaml:4:8: expected a key 'model'");
    EXPECT_EQ(error("iommu: vtd", "iommu: { model: vtd, aw-bits: 39 }"),
              "r.yaml:4:22: found 'aw-bits', expected one of: model, properties");
    EXPECT_EQ(error("iommu: vtd", "iommu: { model: vtd, properties: { \"a,b\": 39 } }"),
              "r.yaml:4:36: found 'a,b', expected a property without commas");
    EXPECT_EQ(error("iommu: vtd", "iommu: vtd\ncpus: two"),
              "r.yaml:5:7: found 'two', expected a number from 1 to 8");
    EXPECT_EQ(error("iommu: vtd", "iommu: vtd\ncpus: 0"),
              "r.yaml:5:7: found '0', expected a number from 1 to 8");
    EXPECT_EQ(error("iommu: vtd", "iommu: vtd\nmemory: 512"),
              "r.yaml:5:9: found '512', expected a size from 128M to 1536M, as 512M or 1G");
    EXPECT_EQ(error("iommu: vtd", "iommu: vtd\nmemory: 99999999999999999999G"),
              "r.yaml:5:9: found '99999999999999999999G', expected a size from 128M to 1536M, as 512M or 1G");
    EXPECT_EQ(error("iommu: vtd", "iommu: vtd\niommu: vtd"),
              "r.yaml:5:1: found 'iommu', expected each key once");
    EXPECT_THAT(error("iommu: vtd", "iommu: vtd\ncolour: red"),
                HasSubstr("r.yaml:5:1: found 'colour', expected one of: "));
    EXPECT_THAT(error("model: edu, name: b", "modell: edu, name: b"),
                HasSubstr("r.yaml:7:16: found 'modell', expected "));
    EXPECT_THAT(error("model: edu, name: b", "model: e1000, name: b"),
                HasSubstr("r.yaml:7:23: found 'e1000', expected a device model: edu, igb, "));
    EXPECT_EQ(error("name: b", "name: a"), "r.yaml:7:34: found 'a', expected a name no other function has");
    EXPECT_EQ(error("name: b", "name: b c"),
              "r.yaml:7:34: found 'b c', expected a name: a letter, then letters, digits, '-' and '_'");
    // A trace could not name such a device.
    EXPECT_EQ(error("name: b", "name: 1b"),
              "r.yaml:7:34: found '1b', expected a name: a letter, then letters, digits, '-' and '_'");
    EXPECT_EQ(error("at: 8.1", "at: 8.8"),
              "r.yaml:7:11: found '8.8', expected SLOT.FUNCTION in hexadecimal, as 8.0 or 1d.1");
    EXPECT_EQ(error("at: 8.1", "at: 8.0"),
              "r.yaml:7:11: found '8.0', expected an address nothing else of this bus has");
    EXPECT_EQ(error("at: 8.1", "at: 9.1"),
              "r.yaml:7:11: found '9.1', expected a device at function 0 of this slot");
    EXPECT_EQ(error("at: 8.1", "at: 1e.0"),
              "r.yaml:7:11: found '1e.0', expected a slot from 1 to 1d: the others are the machine's own");
    EXPECT_EQ(error("name: b }", "name: b, below: [] }"),
              "r.yaml:7:44: found 'a list', expected nothing below: this is no bridge");
    EXPECT_EQ(error("model: edu, name: b", "model: pcie-root-port, name: b"),
              "r.yaml:7:45: found 'b', expected no name: a bridge does no DMA");
    EXPECT_EQ(error("[a, b]", "[a, c]"),
              "r.yaml:9:9: found 'c', expected the name of a function of this rig");
    EXPECT_EQ(error("[a, b]", "[a, b, a]"), "r.yaml:9:12: found 'a', expected each name in one group only");
    EXPECT_EQ(error("[a, b]", "[a]"), "r.yaml:9:3: found 'a list', expected a group that 'b' is in");
    EXPECT_THAT(error("[a, b]", "[a, b"), HasSubstr("r.yaml:10:1: expected valid YAML: "));
}

TEST_F(RigFileTest, RefusesABusThatIsBehindItself) {
    EXPECT_EQ(error("devices:\n", "devices: &d\n  - { at: 9.0, model: pcie-root-port, below: *d }\n"),
              "r.yaml:6:46: found 'an alias', expected what it stands for, written out");
}

// Slot 1 holds the function that an AMD IOMMU or virtio-iommu is.
TEST_F(RigFileTest, KeepsOffTheIommusSlot) {
    const auto at_1 = [this](const std::string& iommu) {
        return load("title: t\nkind: qemu\nkernel: k\niommu: " + iommu +
                    "\ndevices: [{ at: 1.0, model: edu, name: a }]\ngroups: [[a]]\n");
    };
    EXPECT_EQ(at_1("vtd").functions.size(), 1U);
    for (const char* iommu : {"amd", "virtio"}) {
        try {
            std::ignore = at_1(iommu);
            ADD_FAILURE() << iommu;
        } catch (const TextError& e) {
            EXPECT_THAT(e.what(), HasSubstr("r.yaml:5:17: found '1.0', expected a slot from 2 to 1d: "));
        }
    }
}

TEST_F(RigFileTest, CountsBuses) {
    std::string text = "title: t\nkind: qemu\nkernel: k\niommu: vtd\ngroups: []\ndevices:\n";
    for (int slot = 1; slot < 0x18; ++slot)
        for (int function = 0; function < 8; ++function)
            text += fmt::format("  - {{ at: {:x}.{}, model: pcie-root-port, below: [{}] }}\n", slot, function,
                                "{ at: 0.0, model: pcie-pci-bridge }");
    try {
        std::ignore = load(text);
        FAIL();
    } catch (const TextError& e) {
        EXPECT_THAT(e.what(), HasSubstr("at most 255 bridges"));
    }
}

TEST_F(RigFileTest, RefusesWhatIsNoRigFile) {
    EXPECT_THROW(load(""), TextError);
    EXPECT_THROW(load("- a\n- b\n"), TextError);
    EXPECT_THROW(load("\xff\xfe\n"), TextError);
    EXPECT_THROW(load(",\n"), TextError);
    EXPECT_THROW(load("[]a.a]]\n\n?\n\n"), TextError) << "yaml-cpp finds documents in it without end";
    EXPECT_THROW(load("# nothing\n"), TextError);
    EXPECT_THROW(load("title: t\n---\ntitle: u\n"), TextError);
    EXPECT_THROW(std::ignore = load_rig(dir_ / "missing.yaml"), TextError);
    EXPECT_THROW(std::ignore = load_rig(dir_.string() + "/"), TextError);
}

TEST(Rigs, AnUnknownNameListsTheKnown) {
    try {
        std::ignore = load_rig("edu-pear");
        FAIL();
    } catch (const TextError& e) {
        EXPECT_THAT(e.what(),
                    HasSubstr("found 'edu-pear', expected a rig file, or one of: edu-bridge-mixed-vtd, "));
    }
}

TEST(Rigs, AllThatShipAreSound) {
    std::vector<std::string> names;
    for (const RigFile& rig : list_rigs()) names.push_back(rig.name);
    EXPECT_THAT(names,
                testing::IsSupersetOf({"edu-pair-vtd", "igb-pair-vtd", "nvme-pair-vtd", "edu-bridge-vtd",
                                       "edu-mixed-vtd", "edu-pair-vtd-scalable", "igb-pair-vtd-scalable",
                                       "nvme-pair-vtd-scalable", "edu-bridge-vtd-scalable", "edu-mixed-vtd-scalable",
                                       "edu-pair-vtd-firstlevel", "edu-pair-amd", "edu-pair-virtio", "edu-pair-smmuv3"}));
}

// docs/rigs.md shows rig files between ```yaml fences.
TEST_F(RigFileTest, ReadsTheExamplesOfItsPage) {
    const std::string page = read_file(LANDFALL_SOURCE_DIR "/docs/rigs.md"), fence = "```yaml\n";
    std::vector<std::string> functions;
    for (std::size_t at = 0; (at = page.find(fence, at)) != std::string::npos;) {
        at += fence.size();
        for (const auto& f : load(page.substr(at, page.find("```", at) - at)).functions) {
            functions.push_back(f.name + " " + f.place());
        }
    }
    EXPECT_THAT(functions, ElementsAre("a 0000:02:01.0", "b 0000:02:02.0", "c 0000:00:08.0", "a 0000:03:00.0",
                                       "b 0000:03:00.1", "a 0000:04:00.0", "a 0000:03:00.0/virtfn0",
                                       "b 0000:03:00.0/virtfn1", "a 0000:02:01.0", "b 0000:02:02.0",
                                       "c 0000:00:09.0", "a 0000:01:00.0/virtfn0", "b 0000:01:00.0/virtfn1"));
}

TEST(Rigs, NamesAreChosenOrRefused) {
    const RigFile rig = load_rig("edu-mixed-vtd");
    EXPECT_EQ(chosen_functions(rig, {}).size(), 3U);
    EXPECT_EQ(chosen_functions(rig, {"c"}).at(0).bdf.str(), "0000:00:09.0");
    EXPECT_THROW(std::ignore = chosen_functions(rig, {"d"}), LabError);
}

/// The arguments behind every `-option`.
std::vector<std::string> values(const std::vector<std::string>& arguments, const std::string& option) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
        if (arguments[i] == option) out.push_back(arguments[i + 1]);
    }
    return out;
}

std::vector<std::string> arguments_of(const std::string& rig, const std::string& more = {}) {
    return machine_arguments(load_rig(rig), {"/boot/vmlinux", 3, 5, 7, 9, 11, 13}, "tcg", "landfall-1-7", more);
}

constexpr const char* kPort = "virtio-serial-pci,addr=1e.0";
constexpr const char* kLine = "virtserialport,chardev=port,name=landfall";

TEST(Machine, IsMadeOfDescriptorsOnly) {
    const auto arguments = arguments_of("edu-pair-vtd", "debug");
    EXPECT_THAT(values(arguments, "-name"), ElementsAre("landfall-1-7"));
    EXPECT_THAT(values(arguments, "-kernel"), ElementsAre("/boot/vmlinux"));
    EXPECT_THAT(values(arguments, "-initrd"), ElementsAre("/proc/self/fd/3"));
    EXPECT_THAT(values(arguments, "-chardev"), ElementsAre("socket,id=console,fd=5", "socket,id=port,fd=7", "socket,id=control,fd=13"));
    EXPECT_THAT(values(arguments, "-object"),
                ElementsAre("memory-backend-file,id=ram,size=512M,mem-path=/proc/self/fd/9,share=on"));
    EXPECT_THAT(values(arguments, "-append").at(0), testing::EndsWith(" intel_iommu=on,sm_off debug"));
    for (const char* word : {"-nodefaults", "-no-user-config", "-no-reboot"}) {
        EXPECT_THAT(arguments, testing::Contains(word));
    }
    for (const std::string& word : arguments) EXPECT_THAT(word, testing::Not(HasSubstr("server")));
}

TEST(Machine, OfTwoFunctionsOfOneSlot) {
    EXPECT_THAT(values(arguments_of("edu-pair-vtd"), "-device"),
                ElementsAre("intel-iommu,intremap=on", kPort, kLine,
                            "edu,dma_mask=0xffffffffffffffff,bus=pcie.0,addr=8.0,multifunction=on",
                            "edu,dma_mask=0xffffffffffffffff,bus=pcie.0,addr=8.1"));
}

TEST(Machine, OfAPortWithoutAcs) {
    const auto arguments = arguments_of("igb-pair-vtd-scalable");
    EXPECT_THAT(
        values(arguments, "-device"),
        ElementsAre("intel-iommu,intremap=on,x-scalable-mode=on", kPort, kLine,
                    "pcie-root-port,bus=pcie.0,addr=4.0,id=bus1,chassis=1,disable-acs=true",
                    "igb,romfile=,bus=bus1,addr=0.0,multifunction=on", "igb,romfile=,bus=bus1,addr=0.1"));
    EXPECT_THAT(values(arguments, "-append").at(0), HasSubstr(" intel_iommu=on,sm_on pci=noari"));
}

// QEMU's igb can make eight virtual functions as it is; the guest does so.
TEST(Machine, OfAPhysicalFunction) {
    EXPECT_THAT(values(arguments_of("igb-vf-apart-vtd"), "-device"),
                ElementsAre("intel-iommu,intremap=on", kPort, kLine, "pcie-root-port,bus=pcie.0,addr=4.0,id=bus1,chassis=1",
                            "igb,romfile=,bus=bus1,addr=0.0"));
}

// Its virtual functions reach the disk through the subsystem they share.
TEST(Machine, OfAPhysicalFunctionThatStoresThings) {
    const auto arguments = arguments_of("nvme-vf-pair-vtd");
    const auto devices = values(arguments, "-device");
    ASSERT_EQ(devices.size(), 11U);
    EXPECT_EQ(devices[4], "nvme-subsys,id=subsys0");
    EXPECT_EQ(devices[5],
              "nvme,bus=bus1,addr=0.0,sriov_max_vfs=7,sriov_vq_flexible=14,sriov_vi_flexible=7,serial=disk0,"
              "subsys=subsys0,id=nvme0");
    EXPECT_EQ(devices[6], "nvme-ns,bus=nvme0,drive=disk0");
    EXPECT_EQ(devices[10], "nvme-ns,bus=nvme1,drive=disk1");
    EXPECT_EQ(values(arguments, "-drive").size(), 2U);
    EXPECT_THAT(arguments_of(load_rig("nvme-vf-pair-vtd")),
                ElementsAre("a=0000:01:00.0/virtfn0,scratch", "b=0000:01:00.0/virtfn1,scratch",
                            "c=0000:02:00.0/virtfn0,scratch"));
}

TEST(Machine, OfDevicesThatStoreThings) {
    const auto arguments = arguments_of("nvme-pair-vtd");
    const auto drives = values(arguments, "-drive");
    ASSERT_EQ(drives.size(), 2U);
    EXPECT_THAT(drives[0], HasSubstr("id=disk0,format=raw,auto-read-only=off,offset=0,size=67108864,"));
    EXPECT_THAT(drives[1], HasSubstr("id=disk1,format=raw,auto-read-only=off,offset=67108864,size=67108864,"));
    for (const auto& drive : drives) EXPECT_THAT(drive, HasSubstr(",file.filename=/proc/self/fd/11,"));
    EXPECT_THAT(values(arguments, "-device").back(), testing::EndsWith(",addr=8.1,serial=disk1,drive=disk1"));
    EXPECT_THAT(values(arguments, "-global"), ElementsAre("nvme.x-max-bounce-buffer-size=1048576"));
    const RigFile rig = load_rig("nvme-pair-vtd");
    EXPECT_EQ(disks_bytes(rig), 128U << 20);
    EXPECT_EQ(device_argument(rig.functions.at(1)), "b=0000:00:08.1,scratch");
    EXPECT_EQ(disks_bytes(load_rig("edu-pair-vtd")), 0U);
    EXPECT_THAT(values(arguments_of("edu-pair-vtd"), "-drive"), testing::IsEmpty());
}

TEST(Machine, ThatCountsInstructions) {
    const auto rig = load_rig("edu-pair-vtd");
    EXPECT_THAT(icount_arguments(rig, Icount::off, -1), testing::IsEmpty());
    const auto record = icount_arguments(rig, Icount::record, 15);
    EXPECT_THAT(values(record, "-icount"), ElementsAre("shift=3,rr=record,rrfile=/proc/self/fd/15"));
    EXPECT_THAT(values(record, "-serial"), ElementsAre("none", "none", "none", "chardev:port"));
    auto replay = icount_arguments(rig, Icount::replay, 15);
    EXPECT_THAT(values(replay, "-icount"), ElementsAre("shift=3,rr=replay,rrfile=/proc/self/fd/15"));
    EXPECT_EQ(replay.back(), "-S");
    replay.pop_back();
    EXPECT_EQ(replay.size(), record.size()) << "they differ in nothing else";
    EXPECT_THAT(values(icount_arguments(rig, Icount::deterministic, -1), "-icount"), ElementsAre("shift=3,sleep=off"));
}

TEST(Machine, OfEveryIommu) {
    const auto iommu = [](const std::string& rig) {
        const auto arguments = arguments_of(rig);
        const auto append = values(arguments, "-append").at(0);
        return values(arguments, "-device").at(0) + append.substr(append.find("tsc=reliable") + 12);
    };
    EXPECT_EQ(iommu("edu-pair-vtd-firstlevel"),
              "intel-iommu,intremap=on,x-scalable-mode=on,x-flts=on intel_iommu=on,sm_on");
    const std::string unsafe = " iommufd.allow_unsafe_interrupts=1 vfio_iommu_type1.allow_unsafe_interrupts=1";
    EXPECT_EQ(iommu("edu-pair-amd"), "amd-iommu,intremap=on,pt=off" + unsafe);
    EXPECT_EQ(iommu("edu-pair-virtio"), "virtio-iommu-pci,addr=1.0" + unsafe);
}

TEST(Machine, OfAnSmmuv3IsAVirt) {
    const auto rig = load_rig("edu-pair-smmuv3");
    EXPECT_STREQ(arch_of(rig).label, "aarch64");
    const auto arguments = arguments_of("edu-pair-smmuv3");
    EXPECT_THAT(values(arguments, "-machine"), ElementsAre("virt,gic-version=3,accel=tcg,memory-backend=ram,iommu=smmuv3"));
    EXPECT_THAT(values(arguments, "-cpu"), ElementsAre("cortex-a72"));
    EXPECT_THAT(values(arguments, "-append"), ElementsAre("console=ttyAMA0 panic=-1 oops=panic"));
    EXPECT_THAT(values(arguments, "-device"),
                ElementsAre(kPort, kLine, "edu,dma_mask=0xffffffffffffffff,bus=pcie.0,addr=8.0,multifunction=on",
                            "edu,dma_mask=0xffffffffffffffff,bus=pcie.0,addr=8.1"));
    EXPECT_THROW(std::ignore = icount_arguments(rig, Icount::record, 15), LabError);
    EXPECT_THAT(values(arguments_of("edu-pair-vtd"), "-cpu"), testing::IsEmpty());
    EXPECT_THAT(values(arguments_of("edu-pair-vtd"), "-machine").at(0), testing::StartsWith("q35,"));
}

// RAM begins at 1 GiB there, and must end below the staging window all the same.
TEST_F(RigFileTest, AnSmmuv3HasLessMemoryAndNoProperties) {
    EXPECT_EQ(changed("iommu: vtd", "iommu: smmuv3\nmemory: 704M").memory_mib, 704U);
    EXPECT_EQ(changed("iommu: vtd", "iommu: vtd\nmemory: 1536M").memory_mib, 1536U);
    EXPECT_THROW(std::ignore = changed("iommu: vtd", "iommu: smmuv3\nmemory: 1G"), TextError);
    EXPECT_THROW(std::ignore = changed("iommu: vtd", "iommu: { model: smmuv3, properties: { stage: 1 } }"), TextError);
}

TEST_F(RigFileTest, AnIommuHasPropertiesOfItsOwn) {
    const auto rig = changed("iommu: vtd", "iommu: { model: vtd, properties: { aw-bits: 39, caching-mode: on } }");
    EXPECT_EQ(rig.iommu, "vtd");
    EXPECT_EQ(values(machine_arguments(rig, {"k", 3, 5, 7}, "tcg", "n", ""), "-device").at(0),
              "intel-iommu,intremap=on,aw-bits=39,caching-mode=on");
}

TEST(Machine, OfABridge) {
    EXPECT_THAT(values(arguments_of("edu-bridge-vtd"), "-device"),
                ElementsAre("intel-iommu,intremap=on", kPort, kLine,
                            "pcie-root-port,bus=pcie.0,addr=4.0,id=bus1,chassis=1",
                            "pcie-pci-bridge,bus=bus1,addr=0.0,id=bus2",
                            "edu,dma_mask=0xffffffffffffffff,bus=bus2,addr=1.0",
                            "edu,dma_mask=0xffffffffffffffff,bus=bus2,addr=2.0"));
}

TEST(Machine, OfAPairAndADeviceAlone) {
    EXPECT_THAT(values(arguments_of("edu-mixed-vtd"), "-device"),
                ElementsAre("intel-iommu,intremap=on", kPort, kLine,
                            "edu,dma_mask=0xffffffffffffffff,bus=pcie.0,addr=8.0,multifunction=on",
                            "edu,dma_mask=0xffffffffffffffff,bus=pcie.0,addr=8.1",
                            "edu,dma_mask=0xffffffffffffffff,bus=pcie.0,addr=9.0"));
}

}  // namespace
}  // namespace landfall
