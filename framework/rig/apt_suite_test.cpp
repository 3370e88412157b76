#include "rig/apt_suite.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "os/command.hpp"
#include "os/files.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

// apt itself reads the files, so these tests say what we understand of its answer.
class AptSourcesTest : public testing::Test {
  protected:
    AptSourcesTest() { fs::create_directories(dir_ / "parts"); }
    ~AptSourcesTest() override { fs::remove_all(dir_); }
    void SetUp() override {
        if (find_program("apt-get").empty()) GTEST_SKIP() << "no apt on this machine";
    }
    [[nodiscard]] std::vector<AptSource> sources() const {
        return apt_sources({"-o", "Dir::Etc::SourceList=" + (dir_ / "sources.list").string(), "-o",
                            "Dir::Etc::SourceParts=" + (dir_ / "parts").string()});
    }
    fs::path dir_ = fs::path(testing::TempDir()) / ("apt-suite-test-" + std::to_string(getpid()));
};

TEST_F(AptSourcesTest, ReadsTheOneLineForm) {
    write_file(dir_ / "sources.list",
               "# deb http://off.example/debian bookworm main\n"
               "deb [ arch=amd64 signed-by=/k.gpg ] http://one.example/debian bookworm main contrib\n"
               "deb-src http://source.example/debian bookworm main\n");
    EXPECT_THAT(sources(), ElementsAre(AptSource{"bookworm", "main", "http://one.example/debian/"},
                                       AptSource{"bookworm", "contrib", "http://one.example/debian/"}));
}

TEST_F(AptSourcesTest, ReadsTheDeb822Form) {
    write_file(dir_ / "parts/debian.sources",
               "Types: deb deb-src\n"
               "URIs: http://two.example/debian\n"
               "Suites: bookworm bookworm-updates\n"
               "Components: main\n"
               "Signed-By: /k.gpg\n"
               "\n"
               "Enabled: no\n"
               "Types: deb\n"
               "URIs: http://off.example/debian\n"
               "Suites: bookworm\n"
               "Components: main\n");
    EXPECT_THAT(sources(), ElementsAre(AptSource{"bookworm", "main", "http://two.example/debian/"},
                                       AptSource{"bookworm-updates", "main", "http://two.example/debian/"}));
}

TEST_F(AptSourcesTest, LeavesOutASourceWithoutComponents) {
    write_file(dir_ / "parts/flat.list", "deb [trusted=yes] http://flat.example/ ./\n");
    EXPECT_THAT(sources(), testing::IsEmpty());
}

TEST(DebianMirrors, AreThoseOfTheMachinesOwnReleaseAndThenDebians) {
    const std::vector<AptSource> sources{{"bookworm", "main", "http://a.example/debian/"},
                                         {"bookworm", "contrib", "http://contrib.example/debian/"},
                                         {"bookworm-security", "main", "http://security.example/"},
                                         {"bookworm", "main", "http://a.example/debian/"},
                                         {"bookworm", "main", "http://b.example/debian/"},
                                         {"nodistro", "main", "http://other.example/"}};
    EXPECT_THAT(
        debian_mirrors(sources, "bookworm"),
        ElementsAre("http://a.example/debian/", "http://b.example/debian/", "http://deb.debian.org/debian/"));
    EXPECT_THAT(debian_mirrors({}, "bookworm"), ElementsAre("http://deb.debian.org/debian/"));
    EXPECT_THAT(debian_mirrors({{"bookworm", "main", "http://deb.debian.org/debian/"}}, "bookworm"),
                ElementsAre("http://deb.debian.org/debian/"));
}

}  // namespace
}  // namespace landfall
