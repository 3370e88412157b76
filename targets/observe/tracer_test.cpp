// Programs of this machine under the tracer. Where ptrace is not allowed these tests are skipped.
#include "observe/tracer.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <thread>

#include "landfall/error.hpp"
#include "os/fd.hpp"

namespace landfall {
namespace {

using namespace std::chrono_literals;
using testing::Contains;

struct Listener final : CallListener {
    bool entered(const SystemCall& call) override {
        if (call.number != SYS_openat) return false;
        std::this_thread::sleep_for(pause);
        return true;
    }
    void returned(const SystemCall& call, std::int64_t result) override {
        std::array<char, 200> path{};
        for (std::size_t i = 0; i + 1 < path.size(); ++i) {
            std::byte c{};
            if (!read_memory(call.thread, call.arguments[1] + i, {&c, 1}) || c == std::byte{}) break;
            path[i] = static_cast<char>(c);
        }
        if (result >= 0) opened.emplace_back(path.data());
    }
    void started(pid_t, pid_t thread, std::uint64_t) override { alive.insert(thread); }
    void executed(pid_t, pid_t) override { ++execs; }
    void ending(pid_t thread, int) override { EXPECT_TRUE(alive.contains(thread)); }
    void ended(pid_t thread) override {
        alive.erase(thread);
        ++ends;
    }
    std::vector<std::string> opened;
    std::set<pid_t> alive;
    unsigned execs = 0, ends = 0;
    std::chrono::milliseconds pause{};  ///< with which it looks at every openat
};

class TracerTest : public testing::Test {
  protected:
    void SetUp() override {
        const pid_t child = fork();
        if (child == 0) _exit(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
        int status = 1;
        waitpid(child, &status, 0);
        if (status != 0) GTEST_SKIP() << "ptrace is not allowed here";
    }
    ProgramEnd run(const std::string& script, std::chrono::milliseconds limit = 20s) {
        const Fd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
        Tracer tracer({"/bin/sh", "-c", script}, null.get());
        program = tracer.program();
        auto end = tracer.run(listener, limit);
        EXPECT_THAT(listener.alive, testing::IsEmpty());
        return end;
    }
    Listener listener;
    pid_t program = -1;
};

TEST_F(TracerTest, CallsOfAllDescendantsAreSeenWithTheirMemory) {
    EXPECT_EQ(run("cat /proc/self/status; (exec cat /proc/self/stat) & wait"), (ProgramEnd{0, {}, false}));
    EXPECT_THAT(listener.opened, Contains("/proc/self/status"));
    EXPECT_THAT(listener.opened, Contains("/proc/self/stat"));
    EXPECT_EQ(listener.execs, 3U);
    EXPECT_EQ(listener.ends, 3U);
}

TEST_F(TracerTest, ExitStatusesAndSignalsAreTheProgramsOwn) {
    EXPECT_EQ(run("exit 3"), (ProgramEnd{3, {}, false}));
    EXPECT_EQ(run("kill -SEGV $$"), (ProgramEnd{{}, SIGSEGV, false}));
    EXPECT_EQ(run("trap 'exit 5' USR1; kill -USR1 $$; exit 1"), (ProgramEnd{5, {}, false}));
}

TEST_F(TracerTest, AShellCanStopAndContinueItsChildren) {
    EXPECT_EQ(run("sleep 60 & kill -STOP $!; kill -CONT $!; kill $!; wait $!; [ $? = 143 ]"),
              (ProgramEnd{0, {}, false}));
}

TEST_F(TracerTest, AProgramThatIsNotThereEndsWith127) {
    Tracer tracer({"/no/such/program"}, STDERR_FILENO);
    EXPECT_EQ(tracer.run(listener, 20s), (ProgramEnd{127, {}, false}));
}

TEST_F(TracerTest, WhatTakesTooLongIsKilledWithAllItStarted) {
    const auto end = run("sleep 1000 & sleep 1000", 300ms);
    EXPECT_TRUE(end.out_of_time);
    EXPECT_EQ(end.signal, SIGKILL);
    EXPECT_EQ(kill(program, 0), -1);
}

TEST_F(TracerTest, WhoIsStartedAndNeverRunIsKilled) {
    pid_t started = -1;
    {
        const Tracer tracer({"/bin/sleep", "1000"}, STDERR_FILENO);
        started = tracer.program();
    }
    EXPECT_EQ(kill(started, 0), -1);
}

// A parent that learns of a child's death by other means than wait(2) finds it when it waits. Under a tracer
// the kernel hides the dead from their parent until the tracer has taken notice, and this one has its hands
// full with somebody else.
TEST_F(TracerTest, AChildSeenToDieCanBeWaitedFor) {
    const char* script =
        "import os, select, signal\n"
        "busy = os.fork()\n"
        "while busy == 0: open('/dev/null').close()\n"
        "for i in range(50):\n"
        "    child = os.fork()\n"
        "    if child == 0: os._exit(7)\n"
        "    select.select([os.pidfd_open(child)], [], [])\n"
        "    pid, status = os.waitpid(child, os.WNOHANG)\n"
        "    assert (pid, status) == (child, 7 << 8), (i, pid, status)\n"
        "os.kill(busy, signal.SIGKILL)\n";
    listener.pause = 1ms;
    Tracer tracer({"/usr/bin/python3", "-c", script}, STDERR_FILENO);
    EXPECT_EQ(tracer.run(listener, 60s), (ProgramEnd{0, {}, false}));
    EXPECT_EQ(listener.ends, 52U);
}

}  // namespace
}  // namespace landfall
