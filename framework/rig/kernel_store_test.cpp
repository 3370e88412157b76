// The store against a tree that only looks like a kernel: its Makefile answers to the same targets in
// milliseconds.
#include "rig/kernel_store.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "landfall/error.hpp"
#include "os/files.hpp"
#include "rig/environment_test.hpp"
#include "rig/kernel_recipe.hpp"
#include "rig/kernel_tree.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kMakefile = R"(tinyconfig:
	echo CONFIG_TINY=y > $(O)/.config
olddefconfig:
	grep -v CONFIG_GONE $(O)/.config > $(O)/.new && mv $(O)/.new $(O)/.config
bzImage: $(O)/object
	mkdir -p $(O)/arch/x86/boot $(O)/include/config
	cp $(O)/object $(O)/arch/x86/boot/bzImage
	cp /bin/true $(O)/vmlinux
	echo 6.99$(LOCALVERSION) > $(O)/include/config/kernel.release
	test ! -e $(XDG_CACHE_HOME)/stop
$(O)/object: source.c
	echo '  CC      source.o'
	! grep error source.c
	cp source.c $(O)/object
	echo compiled in $(O) >> $(O)/compiled
)";

class KernelStoreTest : public testing::Test {
  protected:
    KernelStoreTest() {
        if (!missing_build_packages().empty()) return;
        fs::create_directories(dir_ / "fixtures/kernels");
        fixture("lab.config", "CONFIG_LAB=y\n");
        fixture("1.0.yaml",
                "title: a base\npackage: linux-source-1.0\nsuite: some-suite\nfragments: "
                "[lab.config]\npatches: [base.patch]\n");
        fixture("base.patch", patch("int pristine;", "int base;"));
        fixture("mutant.yaml", "title: a mutant\nbase: \"1.0\"\npatches: [mutant.patch]\n");
        fixture("mutant.patch", patch("int base;", "int mutant;"));
        make_tree(source_);
        fs::create_directory_symlink(source_.filename(), source_.parent_path() / "linux-source-1.0");
    }
    ~KernelStoreTest() override { fs::remove_all(dir_); }
    void SetUp() override {
        if (!missing_build_packages().empty())
            GTEST_SKIP() << "the tools of a kernel build are not installed";
    }

    void fixture(const std::string& name, const std::string& text) {
        write_file(dir_ / "fixtures/kernels" / name, text);
    }
    static std::string patch(const std::string& from, const std::string& to) {
        return "--- a/source.c\n+++ b/source.c\n@@ -1 +1 @@\n-" + from + "\n+" + to + "\n";
    }
    static void make_tree(const fs::path& tree) {
        fs::create_directories(tree / "arch");
        write_file(tree / "Kbuild", "");
        write_file(tree / "Makefile", kMakefile);
        write_file(tree / "source.c", "int pristine;\n");
    }
    static std::string lab_error(const std::string& kernel) {
        try {
            (void)find_kernel(kernel);
        } catch (const LabError& e) {
            return std::string(e.what()) + "\n" + e.hint();
        }
        return "no error";
    }
    /// A line for each time the objects of a tree of the cache were compiled.
    [[nodiscard]] std::string compiled() const {
        std::string all;
        for (const auto& tree : fs::directory_iterator(dir_ / "cache/landfall/kernels/trees")) {
            all += read_file(tree.path() / "obj/compiled");
        }
        return all;
    }

    fs::path dir_ = fs::path(testing::TempDir()) / ("kernel-store-test-" + std::to_string(getpid()));
    const std::string once_ = "compiled in " + (dir_ / "cache/landfall/kernels/work/obj").string() + "\n";
    fs::path source_ = dir_ / "cache/landfall/kernels/sources/linux-source-1.0_1.0.7-1";
    ScopedVariable cache_{"XDG_CACHE_HOME", dir_ / "cache"},
        fixtures_{"LANDFALL_FIXTURES", dir_ / "fixtures"};
};

TEST_F(KernelStoreTest, BuildsOnceAndFindsAgain) {
    EXPECT_FALSE(cached_kernel(load_kernel_definition("1.0")));
    const KernelImage image = find_kernel("1.0");
    EXPECT_EQ(image.name, "1.0");
    EXPECT_EQ(image.release, "6.99");
    EXPECT_EQ(image.source, "linux-source-1.0 1.0.7-1");
    EXPECT_EQ(read_file(image.image), "int base;\n");
    EXPECT_TRUE(fs::exists(image.vmlinux));
    EXPECT_EQ(find_kernel("1.0").image, image.image);
    EXPECT_TRUE(cached_kernel(load_kernel_definition("1.0")));
    EXPECT_EQ(compiled(), once_);
    EXPECT_EQ(read_file(source_ / "source.c"), "int pristine;\n") << "the shared source was written to";
}

TEST_F(KernelStoreTest, AnotherFragmentIsAnotherKernel) {
    const KernelImage image = find_kernel("1.0");
    fixture("lab.config", "CONFIG_LAB=m\n");
    EXPECT_FALSE(cached_kernel(load_kernel_definition("1.0")));
    EXPECT_NE(find_kernel("1.0").image, image.image);
}

TEST_F(KernelStoreTest, AMutantStartsFromTheObjectsOfItsBase) {
    const KernelImage mutant = find_kernel("mutant");
    EXPECT_EQ(mutant.release, "6.99-mutant");
    EXPECT_EQ(read_file(mutant.image), "int mutant;\n");
    EXPECT_TRUE(cached_kernel(load_kernel_definition("mutant")));
    const auto base = cached_kernel(load_kernel_definition("1.0"));
    ASSERT_TRUE(base);
    EXPECT_EQ(read_file(base->image), "int base;\n");
    EXPECT_EQ(compiled(), once_) << "of the two trees only the base's is kept, and nothing was added to it";
}

TEST_F(KernelStoreTest, NamesSymbolsThatDidNotComeOut) {
    fixture("lab.config", "CONFIG_LAB=y\n# why\nCONFIG_GONE=y\n");
    EXPECT_THAT(lab_error("1.0"), HasSubstr("lab.config:3: CONFIG_GONE=y"));
    EXPECT_FALSE(cached_kernel(load_kernel_definition("1.0")));
}

TEST_F(KernelStoreTest, AFailedBuildShowsItsEndAndLeavesNothingFinished) {
    fixture("base.patch", patch("int pristine;", "error here;"));
    EXPECT_THAT(lab_error("1.0"), AllOf(HasSubstr("error here;"), HasSubstr("logs/1.0.log")));
    EXPECT_FALSE(cached_kernel(load_kernel_definition("1.0")));
}

TEST_F(KernelStoreTest, GoesOnWhereItStopped) {
    write_file(dir_ / "cache/stop", "");
    EXPECT_THAT(lab_error("1.0"), HasSubstr("make"));
    EXPECT_FALSE(cached_kernel(load_kernel_definition("1.0")));
    fs::remove(dir_ / "cache/stop");
    EXPECT_EQ(find_kernel("mutant").release, "6.99-mutant");
    EXPECT_EQ(compiled(), once_);
}

TEST_F(KernelStoreTest, AnUnfinishedMutantIsForgotten) {
    (void)find_kernel("1.0");
    write_file(dir_ / "cache/stop", "");
    EXPECT_THAT(lab_error("mutant"), HasSubstr("make"));
    fs::remove(dir_ / "cache/stop");
    fixture("mutant.patch", patch("int base;", "int better;"));
    EXPECT_EQ(read_file(find_kernel("mutant").image), "int better;\n");
    EXPECT_EQ(compiled(), once_);
}

TEST_F(KernelStoreTest, APatchMustApplyExactly) {
    fixture("mutant.patch", patch("int other;", "int mutant;"));
    EXPECT_THAT(lab_error("mutant"), AllOf(HasSubstr("mutant.patch does not apply"), HasSubstr("FAILED")));
    EXPECT_FALSE(cached_kernel(load_kernel_definition("mutant")));
}

TEST_F(KernelStoreTest, ARecipeIsComparedInFull) {
    const KernelImage image = find_kernel("1.0");
    write_file(fs::path(image.image).parent_path() / "recipe", "another with the same hash");
    EXPECT_FALSE(cached_kernel(load_kernel_definition("1.0")));
}

TEST_F(KernelStoreTest, BuildsASourceTreeOutsideOfIt) {
    const fs::path tree = dir_ / "linux";
    make_tree(tree);
    EXPECT_EQ(read_file(find_kernel(tree).image), "int pristine;\n");
    write_file(tree / "source.c", "int changed;\n");
    // Two writes within one tick of the file system's clock would look like one to make.
    fs::last_write_time(tree / "source.c", fs::file_time_type::clock::now() + std::chrono::seconds(5));
    EXPECT_EQ(read_file(find_kernel(tree).image), "int changed;\n");
    EXPECT_FALSE(fs::exists(tree / ".config"));
    EXPECT_FALSE(fs::exists(tree / "object"));
}

TEST_F(KernelStoreTest, TellsAFolderThatIsNoSourceTree) {
    EXPECT_THROW((void)find_kernel(dir_), TextError);
    EXPECT_THROW((void)find_kernel("no-such-kernel"), TextError);
    EXPECT_THROW((void)find_kernel(dir_ / "no-such-file"), TextError);
}

TEST_F(KernelStoreTest, RefusesACacheMakeCannotWorkIn) {
    const ScopedVariable cache("XDG_CACHE_HOME", dir_ / "my cache");
    EXPECT_THAT(lab_error("1.0"), HasSubstr("XDG_CACHE_HOME"));
}

TEST_F(KernelStoreTest, RecipesDependOnWhatTheyAreMadeOfAndNothingElse) {
    const KernelDefinition d = load_kernel_definition("1.0");
    const KernelRecipe recipe = kernel_recipe(d, "gcc 12", "");
    EXPECT_EQ(recipe.key, kernel_recipe(load_kernel_definition("1.0"), "gcc 12", "").key);
    EXPECT_NE(recipe.key, kernel_recipe(d, "gcc 13", "").key);
    fixture("base.patch", patch("int pristine;", "int other;"));
    EXPECT_NE(recipe.key, kernel_recipe(d, "gcc 12", "").key);
    EXPECT_TRUE(recipe.key.starts_with("1.0-"));
}

TEST_F(KernelStoreTest, AKernelAsItIsIsMadeOfItsPackageAlone) {
    fixture("stock.yaml", "title: as it is\nimage: linux-image-amd64\nsuite: some-suite\n");
    const KernelDefinition d = load_kernel_definition("stock");
    const KernelRecipe recipe = kernel_recipe(d, "gcc 12", "");
    EXPECT_EQ(recipe.key, kernel_recipe(d, "gcc 13", "").key) << "nothing is compiled";
    const fs::path folder = dir_ / "cache/landfall/kernels/images" / recipe.key;
    fs::create_directories(folder / "modules");
    EXPECT_FALSE(cached_kernel(d));
    write_file(folder / "recipe", recipe.text);
    write_file(folder / "modules/01-b.ko", "");
    write_file(folder / "modules/00-a.ko", "");
    const auto image = find_kernel("stock");
    EXPECT_EQ(image.vmlinux, "");
    EXPECT_THAT(image.modules, testing::ElementsAre(folder / "modules/00-a.ko", folder / "modules/01-b.ko"));
}

TEST(KernelRecipe, TheHashStaysTheSame) {
    // The reference value of FNV-1a: a changed hash would have every user build all kernels again.
    EXPECT_EQ(hash_str("foobar"), "85944171f73967e8");
}

}  // namespace
}  // namespace landfall
