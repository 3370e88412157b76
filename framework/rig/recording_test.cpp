#include "rig/recording.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "landfall/error.hpp"
#include "os/files.hpp"
#include "rig/complaint_test.hpp"
#include "rig/guest_test.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using Files = RecordingFiles;

constexpr std::string_view kLogText = "\x00\xe0\x20\x0c and what happened";

class RecordingTest : public testing::Test {
  protected:
    RecordingTest() { fs::remove_all(top_); }
    ~RecordingTest() override { fs::remove_all(top_); }

    static void fill(const NewRecording& recording, std::string_view log = {kLogText.data(), 22}) {
        EXPECT_EQ(write(recording.log().get(), log.data(), log.size()), static_cast<ssize_t>(log.size()));
        for (const auto* name : {Files::kKernel, Files::kInitramfs, Files::kRig, Files::kScenario, Files::kTrace, Files::kConsole})
            recording.put(name, std::string("content of ") + name);
    }
    void make() const {
        NewRecording recording(top_);
        fill(recording);
        recording.complete({"edu-pair-vtd", "a.scn", "6.12", "quiet", Api::type1, "10.0.2 Debian", {"-icount", "shift=3"}, {{17, "found"}}});
    }
    [[nodiscard]] std::string refusal() const {
        return complaint<LabError>([this] { const Recording recording(top_); });
    }

    fs::path top_ = fs::path(testing::TempDir()) / ("recording-test-" + std::to_string(getpid()));
};

TEST_F(RecordingTest, WhatWasCompletedIsReadAgain) {
    make();
    const Recording recording(top_);
    const auto& m = recording.manifest();
    EXPECT_EQ(m.rig, "edu-pair-vtd");
    EXPECT_EQ(m.scenario, "a.scn");
    EXPECT_EQ(m.kernel, "6.12");
    EXPECT_EQ(m.kernel_args, "quiet");
    EXPECT_EQ(m.api, Api::type1);
    EXPECT_EQ(m.emulator, "10.0.2 Debian");
    EXPECT_THAT(m.arguments, testing::ElementsAre("-icount", "shift=3"));
    ASSERT_EQ(m.searches.size(), 1U);
    EXPECT_EQ(m.searches[0].instruction, 17U);
    EXPECT_EQ(m.searches[0].found, "found");
    EXPECT_EQ(read_file(recording.file(Files::kKernel)), "content of kernel");
    EXPECT_FALSE(fs::exists(top_ / "manifest.json.part"));
}

TEST_F(RecordingTest, NothingIsLeftOfOneThatWasNotCompleted) {
    { fill(NewRecording(top_)); }
    EXPECT_FALSE(fs::exists(top_));
}

TEST_F(RecordingTest, ADirectoryThatWasThereStays) {
    fs::create_directory(top_);
    { fill(NewRecording(top_)); }
    EXPECT_TRUE(fs::is_empty(top_));
}

TEST_F(RecordingTest, NothingIsLeftOfOneWhoseOwnerIsKilled) {
    const pid_t owner = fork();
    if (owner == 0) {
        const NewRecording recording(top_);
        fill(recording);
        kill(getpid(), SIGKILL);
    }
    ASSERT_EQ(waitpid(owner, nullptr, 0), owner);
    EXPECT_TRUE(comes_true([this] { return !fs::exists(top_); }));
}

TEST_F(RecordingTest, ADirectoryWithFilesInItIsRefusedAndLeftAlone) {
    fs::create_directory(top_);
    write_file(top_ / "mine", "text");
    EXPECT_THAT(complaint<TextError>([this] { const NewRecording recording(top_); }),
                AllOf(HasSubstr("with mine in it"), HasSubstr("a directory that is empty or not there yet")));
    EXPECT_EQ(read_file(top_ / "mine"), "text");
}

TEST_F(RecordingTest, APlaceThatIsNoDirectoryIsRefused) {
    write_file(top_, "text");
    EXPECT_THAT(complaint<LabError>([this] { const NewRecording recording(top_); }), HasSubstr(top_.string()));
    EXPECT_EQ(read_file(top_), "text");
}

TEST_F(RecordingTest, ALogThatQemuDidNotFinishMakesNoRecording) {
    EXPECT_THAT(complaint<LabError>([this] {
                    NewRecording recording(top_);
                    fill(recording, {"\0\0\0\0 and what happened", 22});
                    recording.complete({});
                }),
                HasSubstr("qemu.log: QEMU did not finish it"));
    EXPECT_FALSE(fs::exists(top_));
}

TEST_F(RecordingTest, WithoutManifestItIsNone) {
    EXPECT_THAT(refusal(), HasSubstr("is no recording: it has no manifest.json"));
    make();
    fs::remove(top_ / Files::kManifest);
    EXPECT_THAT(refusal(), HasSubstr("is no recording: it has no manifest.json"));
}

TEST_F(RecordingTest, AFileThatIsNotAsItWasIsNamed) {
    for (const auto* name : {Files::kLog, Files::kKernel, Files::kInitramfs, Files::kRig, Files::kScenario, Files::kTrace}) {
        make();
        write_file(top_ / name, "something else");
        EXPECT_THAT(refusal(), AllOf(HasSubstr((top_ / name).string()), HasSubstr("its hash is"), HasSubstr("expected")));
        fs::remove(top_ / name);
        EXPECT_THAT(refusal(), AllOf(HasSubstr((top_ / name).string()), HasSubstr("No such file")));
        fs::remove_all(top_);
    }
}

TEST_F(RecordingTest, AManifestThatIsNoneIsNamed) {
    make();
    const auto whole = read_file(top_ / Files::kManifest);
    const auto with = [&](const std::string& from, const std::string& to) {
        auto text = whole;
        text.replace(text.find(from), from.size(), to);
        return text;
    };
    for (const auto& text : {std::string(), whole.substr(0, whole.size() / 2), std::string("[]"), with("\"qemu\"", "\"bochs\""),
                             with("\"type1\"", "\"vfio\""), with("\"shift=3\"", "3"), with("\"instruction\": 17", "\"instruction\": \"x\"")}) {
        write_file(top_ / Files::kManifest, text);
        EXPECT_THAT(refusal(), AllOf(HasSubstr("manifest.json"), HasSubstr("not as it was recorded"))) << text;
    }
    write_file(top_ / Files::kManifest, with("\"format\": 1", "\"format\": 2"));
    EXPECT_THAT(refusal(), HasSubstr("a recording of format 2, expected 1"));
}

}  // namespace
}  // namespace landfall
