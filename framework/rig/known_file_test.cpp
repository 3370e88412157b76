#include "rig/known_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "landfall/error.hpp"
#include "source_dir.hpp"

namespace landfall {
namespace {

const std::string kShipped = LANDFALL_SOURCE_DIR "/fixtures/known/vtd-scalable-alias.yaml";

class TempFile {
  public:
    explicit TempFile(const std::string& text)
        : path_(std::filesystem::temp_directory_path() /
                ("known_file_test." + std::to_string(::getpid()) + ".yaml")) {
        std::ofstream(path_) << text;
    }
    ~TempFile() { std::filesystem::remove(path_); }
    TempFile(const TempFile&) = delete;
    TempFile& operator=(const TempFile&) = delete;
    [[nodiscard]] std::string path() const { return path_; }

  private:
    std::filesystem::path path_;
};

TEST(KnownFile, ReadsWhatShips) {
    const auto known = load_known_file(kShipped);
    EXPECT_THAT(known.rules, testing::Contains("completeness"));
    EXPECT_THAT(known.iommus, testing::ElementsAre("vtd-scalable", "vtd-firstlevel"));
    EXPECT_EQ(known.since, (KernelRelease{6, 12}));
    EXPECT_FALSE(known.until);
    EXPECT_TRUE(known.needs_alias);
    EXPECT_FALSE(known.reference.empty() || known.text.empty());
}

TEST(KnownFile, EverythingThatShipsIsReadable) {
    for (const auto& known : load_known()) EXPECT_FALSE(known.reference.empty() || known.text.empty());
    EXPECT_THAT(load_known(),
                testing::Contains(testing::Field(&Known::access, std::optional(Access{true, false}))));
    EXPECT_THAT(load_known(), testing::Contains(testing::Field(&Known::engine, "nvme")));
}

TEST(KnownFile, PointsAtEveryMistake) {
    const auto expect = [](const std::string& text, unsigned line, const char* found) {
        const TempFile file(text);
        try {
            static_cast<void>(load_known_file(file.path()));
            ADD_FAILURE() << "accepted: " << text;
        } catch (const TextError& e) {
            EXPECT_EQ(e.where().line, line) << e.what();
            EXPECT_EQ(e.found(), found) << e.what();
        }
    };
    const std::string end = "reference: r\ntext: t\n";
    expect("rules: [gravity]\n" + end, 1, "a list");
    expect("rules: [fault]\nsince: soon\n" + end, 2, "soon");
    expect("rules: [fault]\nbehind-bridge: maybe\n" + end, 2, "maybe");
    expect("rules: [fault]\naccess: rw\n" + end, 2, "rw");
    expect("rules: [fault]\ncolour: red\n" + end, 2, "colour");
    expect("rules: [fault]\nreference: r\n", 1, "");
}

}  // namespace
}  // namespace landfall
