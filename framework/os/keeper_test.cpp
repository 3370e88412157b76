#include "os/keeper.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <new>
#include <thread>

#include "landfall/error.hpp"
#include "os/deadline.hpp"
#include "os/wire.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLong{20'000};

/// Memory that processes share: what a keeper did is seen here even after our end.
struct Shared {
    std::atomic<int> cleaned{0};
    std::atomic<pid_t> program{0}, keeper{0};
};

class KeeperTest : public testing::Test {
  protected:
    ~KeeperTest() override { munmap(memory_, sizeof(Shared)); }

    void* memory_ = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    Shared& shared_ = *new (memory_) Shared;
};

bool comes_true(const std::function<bool()>& condition) {
    for (const Deadline deadline(kLong); !condition(); std::this_thread::sleep_for(milliseconds(5))) {
        if (deadline.passed()) return false;
    }
    return true;
}

/// Gone, or a zombie nobody has waited for yet.
bool dead(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
    std::string number, name, state;
    return !(status >> number >> name >> state) || state == "Z" || state == "X";
}

KeptProgram::Launch sleeper(int out) {
    return {"/bin/sh", {"sh", "-c", "echo $$ $PPID; exec sleep 1000"}, {}, -1, out, -1};
}

void read_ids(int fd, Shared& shared) {
    std::string text;
    for (char c = 0; text.find('\n') == std::string::npos && read(fd, &c, 1) == 1;) text += c;
    const auto space = text.find(' ');
    shared.keeper = std::stoi(text.substr(space + 1));
    shared.program = std::stoi(text);
}

TEST_F(KeeperTest, CleansUpWhenDestroyed) {
    {
        const Keeper keeper([this] { ++shared_.cleaned; });
        EXPECT_EQ(shared_.cleaned, 0);
    }
    EXPECT_EQ(shared_.cleaned, 1);
}

TEST_F(KeeperTest, LeavesThingsAloneWhenDismissed) {
    {
        Keeper keeper([this] { ++shared_.cleaned; });
        keeper.dismiss();
    }
    EXPECT_EQ(shared_.cleaned, 0);
}

TEST_F(KeeperTest, CleansUpWhateverEndsTheOwner) {
    for (const int how : {SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGSEGV}) {
        shared_.cleaned = 0;
        const pid_t owner = fork();
        if (owner == 0) {
            const Keeper keeper([this] { ++shared_.cleaned; });
            signal(how, SIG_DFL);
            raise(how);
            _exit(1);
        }
        int status = 0;
        ASSERT_EQ(waitpid(owner, &status, 0), owner);
        EXPECT_EQ(WTERMSIG(status), how);
        EXPECT_TRUE(comes_true([this] { return shared_.cleaned == 1; })) << strsignal(how);
    }
}

TEST_F(KeeperTest, AThreadThatEndsIsNotTheEndOfTheOwner) {
    std::optional<Keeper> keeper;
    std::optional<KeptProgram> program;
    auto [ours, theirs] = make_wire();
    std::thread([&] {
        keeper.emplace([this] { ++shared_.cleaned; });
        program.emplace(sleeper(theirs.get()));
    }).join();
    read_ids(ours.get(), shared_);
    EXPECT_EQ(program->wait(milliseconds(200)), std::nullopt);
    EXPECT_EQ(shared_.cleaned, 0);
    program.reset();
    keeper.reset();
    EXPECT_EQ(shared_.cleaned, 1);
    EXPECT_TRUE(dead(shared_.program));
}

// A fork of the owner (a worker of some pool, say) holds every descriptor of it, but is not its life.
TEST_F(KeeperTest, AForkOfTheOwnerDoesNotKeepItAlive) {
    auto [ours, theirs] = make_wire();
    const pid_t owner = fork();
    if (owner == 0) {
        const Keeper keeper([this] { ++shared_.cleaned; });
        const pid_t copy = fork();
        if (copy == 0) {
            ours.reset();
            char word = 0;
            std::ignore = read(theirs.get(), &word, 1);
            _exit(0);
        }
        raise(SIGKILL);
    }
    ASSERT_EQ(waitpid(owner, nullptr, 0), owner);
    EXPECT_TRUE(comes_true([this] { return shared_.cleaned == 1; }));
}

TEST_F(KeeperTest, AProgramDiesWithItsOwner) {
    auto [ours, theirs] = make_wire();
    const pid_t owner = fork();
    if (owner == 0) {
        const KeptProgram program(sleeper(theirs.get()));
        read_ids(ours.get(), shared_);
        raise(SIGKILL);
    }
    ASSERT_EQ(waitpid(owner, nullptr, 0), owner);
    ASSERT_GT(shared_.program, 0);
    EXPECT_TRUE(comes_true([this] { return dead(shared_.program); }));
}

TEST_F(KeeperTest, AProgramDiesWithItsKeeper) {
    auto [ours, theirs] = make_wire();
    KeptProgram program(sleeper(theirs.get()));
    read_ids(ours.get(), shared_);
    ASSERT_EQ(kill(shared_.keeper, SIGKILL), 0);
    EXPECT_TRUE(comes_true([this] { return dead(shared_.program); }));
    EXPECT_EQ(program.wait(kLong), 128 + SIGKILL);
}

TEST_F(KeeperTest, AProgramsEndClosesItsChannelAndTellsItsStatus) {
    auto [ours, theirs] = make_wire();
    KeptProgram program({"/bin/sh", {"sh", "-c", "exit 7"}, {theirs.get()}, -1, -1, -1});
    theirs.reset();
    char word = 0;
    EXPECT_EQ(read(ours.get(), &word, 1), 0);
    EXPECT_EQ(program.wait(kLong), 7);
}

TEST_F(KeeperTest, AProgramGetsTheDescriptorsItWasGivenAndNoOther) {
    auto [ours, theirs] = make_wire();
    const Fd other(open("/dev/null", O_RDONLY));  // on purpose without close-on-exec
    const std::string list = "ls /proc/$$/fd; cat <&" + std::to_string(theirs.get()) + " >/dev/null";
    auto [output, their_output] = make_wire();
    const KeptProgram program({"/bin/sh", {"sh", "-c", list}, {theirs.get()}, -1, their_output.get(), -1});
    their_output.reset();
    std::string text;
    for (const std::string last = std::to_string(theirs.get()) + "\n";
         text.find(last) == std::string::npos;) {
        char c = 0;
        ASSERT_EQ(read(output.get(), &c, 1), 1);
        text += c;
    }
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("\n" + std::to_string(other.get()) + "\n")));
}

TEST_F(KeeperTest, SaysWhyAProgramDoesNotStart) {
    try {
        const KeptProgram program({"/nowhere/to/be/found", {"found"}, {}, -1, -1, -1});
        FAIL();
    } catch (const LabError& e) {
        EXPECT_THAT(e.what(), testing::HasSubstr("/nowhere/to/be/found: No such file"));
    }
}

}  // namespace
}  // namespace landfall
