#include "rig/local_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "landfall/error.hpp"
#include "os/files.hpp"
#include "rig/environment_test.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

// A shell script stands in for `landfall exec`: it speaks the protocol and writes down when it started and
// ended.
class LocalRigTest : public testing::Test {
  protected:
    LocalRigTest() {
        fs::create_directories(dir_);
        file_.name = "x";
        file_.kind = RigFile::Kind::local;
        file_.functions = {{"a", *Bdf::parse("0000:03:00.0"), ""}, {"b", *Bdf::parse("0000:03:00.1"), ""}};
    }
    ~LocalRigTest() override {
        fs::remove_all(dir_);
    }
    void script(const std::string& text) {
        std::ofstream(program_) << "#!/bin/sh\n" << text;
        fs::permissions(program_, fs::perms::owner_all);
    }
    std::string diary() { return read_file(dir_ / "diary"); }

    fs::path dir_ = fs::path(testing::TempDir()) / ("local-rig-test-" + std::to_string(getpid()));
    fs::path program_ = dir_ / "landfall";
    ScopedVariable variable_{"LANDFALL_PROGRAM", program_};
    RigFile file_;
};

TEST_F(LocalRigTest, SessionsFollowEachOtherOnlyWhenTheFunctionsAreGivenBack) {
    script("cd " + dir_.string() + R"(
echo "start $*" >> diary
echo "log of $3" >&2
echo 'staging 0x70000000+1M'
while read -r line && [ "$line" != end ]; do echo "@1 @2 $line => ok"; done
echo 'end 1'
exec >/dev/null
sleep 0.3
echo 'gave back' >> diary
)");
    {
        const auto rig = start_rig(file_);
        for (const char* name : {"a", "b"}) {
            const auto session = rig->session({name});
            EXPECT_EQ(print(session->step(parse_line("sleep 1ms", "<test>", 1), {})),
                      "@1 @2 sleep 1ms => ok");
            session->finish({});
        }
        EXPECT_THAT(rig->console(), testing::StartsWith("log of a=0000:03:00.0\nlog of b=0000:03:00.1\n"));
    }
    EXPECT_EQ(
        diary(),
        "start exec --device a=0000:03:00.0\ngave back\nstart exec --device b=0000:03:00.1\ngave back\n");
}

TEST_F(LocalRigTest, SaysWhatTheProgramSaidWhenItEndsEarly) {
    script("echo 'landfall: no such function' >&2\nexit 3\n");
    const auto rig = start_rig(file_);
    try {
        std::ignore = rig->session({});
        FAIL();
    } catch (const RigDied& e) {
        EXPECT_EQ(e.console(), "landfall: no such function\n");
    }
}

TEST_F(LocalRigTest, AProgramThatIsMissing) {
    const auto rig = start_rig(file_);
    EXPECT_THROW(std::ignore = rig->session({}), LabError);
}

}  // namespace
}  // namespace landfall
