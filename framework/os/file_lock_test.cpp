#include "os/file_lock.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>

#include "landfall/error.hpp"
#include "os/command.hpp"
#include "os/files.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

class FileLockTest : public testing::Test {
  protected:
    ~FileLockTest() override { std::filesystem::remove(path_); }
    std::string path_ =
        std::filesystem::path(testing::TempDir()) / ("file-lock-test-" + std::to_string(getpid()));
};

void nobody(const std::string& holder) { ADD_FAILURE() << holder << " was thought to hold the lock"; }

TEST_F(FileLockTest, TheSecondWaitsAndIsToldWhoHasIt) {
    std::optional<FileLock> first(std::in_place, path_, milliseconds(0), nobody);
    std::string holder;
    const FileLock second(path_, std::chrono::minutes(1), [&](const std::string& who) {
        holder = who;
        first.reset();
    });
    EXPECT_EQ(holder, std::to_string(getpid()));
}

TEST_F(FileLockTest, GivesUpAtItsLimit) {
    const FileLock first(path_, milliseconds(0), nobody);
    EXPECT_THROW(FileLock(path_, milliseconds(1), [](const std::string&) {}), LabError);
}

TEST_F(FileLockTest, AChildHoldsOnToWhatItInherited) {
    const std::string done = path_ + ".done";
    std::optional<FileLock> first(std::in_place, path_, milliseconds(0), nobody);
    CommandOptions options;
    options.inherit = {first->fd()};
    options.on_line = [&](std::string_view) {
        first.reset();
        EXPECT_THROW(FileLock(path_, milliseconds(1), [](const std::string&) {}), LabError);
        write_file(done, "");
    };
    EXPECT_TRUE(
        run_command({"sh", "-c", "echo started; until [ -e " + done + " ]; do sleep 0.01; done"}, options)
            .ok());
    std::filesystem::remove(done);
    EXPECT_NO_THROW(FileLock(path_, milliseconds(0), nobody));
}

}  // namespace
}  // namespace landfall
