#include "linux/guest_children.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <unistd.h>

namespace landfall {
namespace {

TEST(GuestChildren, TellHowTheyEnded) {
    EXPECT_EQ(run_child([] { return 3; }), 3);
    EXPECT_EQ(run_child([] { return ::raise(SIGKILL); }), 128 + SIGKILL);
}

TEST(StandIn, DoesWhatItIsAskedInAnotherProcess) {
    const auto self = getpid();
    StandIn next([self](const std::string& request) { return getpid() != self && request == "exec a" ? 7 : 1; });
    EXPECT_EQ(next.run("exec a"), 7);
    EXPECT_EQ(next.run("exec a"), std::nullopt) << "once";
}

// Another child is waited for when it ends, and takes it along.
TEST(StandIn, SaysThatItIsGone) {
    const auto before = std::signal(SIGPIPE, SIG_IGN);  // as it is in a first process
    StandIn next([](const std::string&) { return 0; });
    ::kill(next.process(), SIGKILL);
    EXPECT_EQ(run_child([] { return ::usleep(100'000); }), 0);
    EXPECT_EQ(next.run("exec a"), std::nullopt);
    std::signal(SIGPIPE, before);
}

}  // namespace
}  // namespace landfall
