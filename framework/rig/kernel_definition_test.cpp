#include "rig/kernel_definition.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "landfall/error.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::StartsWith;

class KernelDefinitionTest : public testing::Test {
  protected:
    KernelDefinitionTest() {
        fs::create_directories(dir_);
        unsetenv("LANDFALL_FIXTURES");
        std::ofstream(dir_ / "lab.config") << "CONFIG_A=y\n";
    }
    ~KernelDefinitionTest() override { fs::remove_all(dir_); }

    KernelDefinition load(const std::string& text) {
        std::ofstream(dir_ / "k.yaml") << text;
        return load_kernel_definition(dir_ / "k.yaml");
    }
    /// The message, without the folder the file is in.
    std::string error(const std::string& text) {
        try {
            (void)load(text);
        } catch (const TextError& e) {
            return std::string(e.what()).substr(dir_.string().size() + 1);
        }
        return "no error";
    }

    fs::path dir_ = fs::path(testing::TempDir()) / ("kernel-definition-test-" + std::to_string(getpid()));
};

TEST_F(KernelDefinitionTest, ReadsAKernelWithASourceOfItsOwn) {
    const auto d =
        load("title: t\npackage: linux-source-6.12\nsuite: bookworm-backports\nfragments: [lab.config]\n");
    EXPECT_EQ(d.name, "k");
    EXPECT_EQ(d.package, "linux-source-6.12");
    EXPECT_EQ(d.suite, "bookworm-backports");
    EXPECT_EQ(d.base, "");
    EXPECT_THAT(d.fragments, ElementsAre(dir_ / "lab.config"));
    EXPECT_THAT(d.patches, IsEmpty());
}

TEST_F(KernelDefinitionTest, IsOfX86UnlessItSays) {
    EXPECT_EQ(load("title: t\npackage: p\nsuite: s\n").arch, &default_arch());
    EXPECT_STREQ(load("title: t\npackage: p\nsuite: s\narch: aarch64\n").arch->make_arch, "arm64");
    EXPECT_THAT(error("title: t\npackage: p\nsuite: s\narch: arm\n"),
                testing::AllOf(StartsWith("k.yaml:4:7"), testing::HasSubstr("x86_64, aarch64")));
    EXPECT_THAT(error("title: t\nbase: \"6.12\"\narch: aarch64\n"), StartsWith("k.yaml:3:7"));
    EXPECT_THAT(error("title: t\nimage: i\nsuite: s\narch: aarch64\n"), StartsWith("k.yaml:4:7"));
}

TEST_F(KernelDefinitionTest, ReadsAKernelAsItIs) {
    const auto d = load("title: t\nimage: linux-image-amd64\nsuite: bookworm\n");
    EXPECT_EQ(d.image, "linux-image-amd64");
    EXPECT_EQ(d.suite, "bookworm");
    EXPECT_EQ(d.package + d.base, "");
    EXPECT_THAT(error("title: t\nimage: \"a b\"\nsuite: bookworm\n"), StartsWith("k.yaml:2:8"));
    EXPECT_THAT(error("title: t\nimage: i\n"), StartsWith("k.yaml:1:1: expected a key 'suite'"));
    EXPECT_THAT(error("title: t\nimage: i\nsuite: s\npackage: p\n"), StartsWith("k.yaml:4:10: found 'p', expected no package"));
    EXPECT_THAT(error("title: t\nimage: i\nsuite: s\nfragments: [lab.config]\n"), StartsWith("k.yaml:4:12"));
    EXPECT_THAT(error("title: t\nbase: debian-6.1\n"),
                StartsWith("k.yaml:2:7: found 'debian-6.1', expected a kernel with a source of its own"));
}

TEST_F(KernelDefinitionTest, ReadsAMutant) {
    const auto d = load("title: t\nbase: \"6.12\"\nfragments: [lab.config]\n");
    EXPECT_EQ(d.base, "6.12");
    EXPECT_EQ(d.package, "");
}

TEST_F(KernelDefinitionTest, ReadsWhatMustCatchAMutant) {
    const auto d = load(
        "title: t\nbase: \"6.12\"\ncaught-by:\n"
        "  - { scenario: unmap-basic, rig: edu-pair-vtd, rule: landing }\n"
        "  - { scenario: unmap-all, rig: igb-pair-vtd, rule: kernel }\n");
    ASSERT_EQ(d.caught_by.size(), 2u);
    EXPECT_EQ(d.caught_by[1].scenario, "unmap-all");
    EXPECT_EQ(d.caught_by[1].rig, "igb-pair-vtd");
    EXPECT_EQ(d.caught_by[1].rule, "kernel");
}

TEST_F(KernelDefinitionTest, SaysWhatIsWrongWithWhatMustCatchAMutant) {
    const auto told = [this](const std::string& entry) {
        return error("title: t\nbase: \"6.12\"\ncaught-by:\n  - " + entry + "\n");
    };
    EXPECT_THAT(told("{ scenario: none, rig: edu-pair-vtd, rule: landing }"),
                StartsWith("k.yaml:4:17: found 'none'"));
    EXPECT_THAT(told("{ scenario: ../rigs/sim, rig: edu-pair-vtd, rule: landing }"),
                StartsWith("k.yaml:4:17"));
    EXPECT_THAT(told("{ scenario: unmap-basic, rig: none, rule: landing }"),
                StartsWith("k.yaml:4:35: found 'none'"));
    EXPECT_THAT(told("{ scenario: unmap-basic, rig: edu-pair-vtd, rule: none }"),
                StartsWith("k.yaml:4:55: found 'none'"));
    EXPECT_THAT(told("{ scenario: unmap-basic, rig: edu-pair-vtd }"),
                StartsWith("k.yaml:4:5: expected a key 'rule'"));
    EXPECT_THAT(told("{ scenario: unmap-basic, rig: edu-pair-vtd, rule: landing, why: x }"),
                StartsWith("k.yaml:4:64"));
    EXPECT_THAT(error("title: t\nbase: \"6.12\"\ncaught-by: landing\n"),
                StartsWith("k.yaml:3:12: found 'landing'"));
    EXPECT_THAT(error("title: t\npackage: p\nsuite: s\ncaught-by: []\n"), StartsWith("k.yaml:4:12"));
}

TEST_F(KernelDefinitionTest, SaysWhereAndWhatIsWrong) {
    EXPECT_THAT(error("package: p\nsuite: s\n"), StartsWith("k.yaml:1:1: expected a key 'title'"));
    EXPECT_THAT(error("title: t\nsuite: s\n"), StartsWith("k.yaml:1:1: expected a key 'package'"));
    EXPECT_THAT(error("title: t\npackage: p\nsuite: s\ncolour: red\n"),
                StartsWith("k.yaml:4:1: found 'colour'"));
    EXPECT_THAT(error("title: t\npackage: p\nsuite: s\nfragments: lab.config\n"),
                StartsWith("k.yaml:4:12: found"));
    EXPECT_THAT(error("title: t\npackage: p\nsuite: s\npatches: [none.patch]\n"),
                StartsWith("k.yaml:4:11: found 'none.patch'"));
    EXPECT_THAT(error("title: t\nbase: nothing\n"), StartsWith("k.yaml:2:7: found 'nothing'"));
    EXPECT_THAT(error("title: t\nbase: unmap-without-flush\n"), StartsWith("k.yaml:2:7"));
    EXPECT_THAT(error("title: t\nbase: \"6.12\"\npackage: p\n"), StartsWith("k.yaml:3:10"));
    EXPECT_THAT(error("title: [t\n"), StartsWith("k.yaml:2:1"));
}

TEST_F(KernelDefinitionTest, LetsNothingButNamesReachApt) {
    for (const char* package : {"\"-o=x\"", "\"a b\"", "\"a/b\"", "\"a=1\"", "\"$(a)\""}) {
        EXPECT_THAT(error(std::string("title: t\npackage: ") + package + "\nsuite: s\n"),
                    StartsWith("k.yaml:2:10"));
    }
    EXPECT_THAT(error("title: t\npackage: p\nsuite: \"s main\"\n"), StartsWith("k.yaml:3:8"));
}

TEST_F(KernelDefinitionTest, EveryDefinitionThatShipsIsRight) {
    std::vector<std::string> names;
    for (const auto& d : list_kernel_definitions()) names.push_back(d.name);
    EXPECT_THAT(names, IsSupersetOf({"6.12", "7.3", "debian-6.1", "debian-6.12", "replace-moves-caller-only", "unmap-without-flush",
                                      "write-only-bounces"}));
}

TEST_F(KernelDefinitionTest, EveryMutantThatShipsSaysWhatMustCatchIt) {
    std::size_t mutants = 0;
    for (const auto& d : list_kernel_definitions()) {
        const bool among_mutants = fs::path(d.path).parent_path().filename() == "mutants";
        EXPECT_EQ(!d.base.empty(), among_mutants) << d.path;
        EXPECT_EQ(!d.caught_by.empty(), among_mutants) << d.path;
        mutants += among_mutants ? 1 : 0;
    }
    EXPECT_GE(mutants, 12u);
}

TEST_F(KernelDefinitionTest, ListsTheNamesThereAre) {
    try {
        (void)load_kernel_definition("6.13");
        FAIL();
    } catch (const TextError& e) {
        EXPECT_THAT(e.what(), testing::HasSubstr("found '6.13', expected"));
        EXPECT_THAT(e.what(), testing::HasSubstr("6.12, 7.3"));
    }
}

}  // namespace
}  // namespace landfall
