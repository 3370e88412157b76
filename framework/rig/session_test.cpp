#include "rig/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <thread>

#include "landfall/error.hpp"
#include "os/wire.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr const char* kHead = "device a 0000:00:08.0 1234:11e8 group 2 engine edu\nstaging 0x70000000+1M\n";
const std::string kPanic = "[    1.000000] Kernel panic - not syncing: sysrq triggered crash\r\n";

/// The other end of the wires: a rig that follows a script, one action for each line it is sent.
class Peer {
  public:
    void say(const std::string& text) { put(lines_, text); }
    void print(const std::string& text) { put(console_, text); }
    /// Until nobody listens any more.
    void repeat(const std::string& text) {
        while (send(lines_.get(), text.data(), text.size(), MSG_NOSIGNAL) > 0) {
        }
    }
    /// The next line it was sent; empty when there will be no more.
    std::string hear() {
        std::string line;
        for (char c = 0; read(lines_.get(), &c, 1) == 1; line += c) {
            if (c == '\n') return line;
        }
        return {};
    }
    void close_lines() { lines_.reset(); }

    Peer(Fd lines, Fd console) : lines_(std::move(lines)), console_(std::move(console)) {}

  private:
    static void put(const Fd& fd, const std::string& text) {
        EXPECT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }
    Fd lines_, console_;
};

class SessionTest : public testing::Test {
  protected:
    ~SessionTest() override { join(); }

    void play(const std::function<void(Peer&)>& script) {
        peer_ = std::thread([script, peer = Peer(std::move(lines_.theirs),
                                                 std::move(serial_.theirs))]() mutable { script(peer); });
    }
    void join() {
        if (peer_.joinable()) peer_.join();
    }
    std::unique_ptr<Session> start(milliseconds limit = std::chrono::seconds(20)) {
        return make_session(*channel_, {"fake", limit});
    }
    /// How the rig dies when asked to run one step.
    RigDied death(Session& session) {
        try {
            std::ignore = session.step(line("sleep 1ms"), {});
        } catch (const RigDied& e) {
            EXPECT_TRUE(channel_->broken());
            return e;
        }
        ADD_FAILURE() << "the step came through";
        return {"", false, ""};
    }
    /// Lets a peer go that waits for more to hear.
    void hang_up(std::unique_ptr<Session> session) {
        session.reset();
        channel_.reset();
    }
    static Line line(const std::string& text) { return parse_line(text, "<test>", 1); }

    Wire lines_ = make_wire(), serial_ = make_wire();
    Console console_{std::move(serial_.ours), {}};
    std::optional<Channel> channel_{std::in_place, std::move(lines_.ours), console_};
    std::thread peer_;
};

TEST_F(SessionTest, RunsStepsAndHandsOnEventsInOrder) {
    play([](Peer& p) {
        p.say(kHead);
        EXPECT_EQ(p.hear(), "sleep 1ms");
        p.say(
            "@5 ! fault 0000:00:08.0 write 0x300000 reason 0x5\n@6 ! kernel \"odd\"\n@1 @7 sleep 1ms => "
            "ok\n");
        EXPECT_EQ(p.hear(), "end");
        p.say("@8 ! kernel \"late\"\nend 1\nexit 0\n");
    });
    const auto session = start();
    EXPECT_EQ(session->head().size(), 2U);
    std::vector<std::string> seen;
    const auto note = [&seen](const Line& l) { seen.push_back(print(l)); };
    const Line done = session->step(line("@1 @2 sleep 1ms => ok"), note);
    EXPECT_EQ(print(done), "@1 @7 sleep 1ms => ok");
    session->finish(note);
    EXPECT_THAT(seen, testing::ElementsAre("@5 ! fault 0000:00:08.0 write 0x300000 reason 0x5",
                                           "@6 ! kernel \"odd\"", "@8 ! kernel \"late\"", "end 1"));
    EXPECT_THROW(std::ignore = session->step(line("sleep 1ms"), {}), LabError);
}

TEST_F(SessionTest, ABlockOfLanesGoesAsAWholeAndComesBackAsItEnds) {
    play([](Peer& p) {
        p.say(kHead);
        EXPECT_EQ(p.hear(), "lane 1: sleep 1ms");
        EXPECT_EQ(p.hear(), "lane 2: sleep 1ms");
        EXPECT_EQ(p.hear(), "lane 2: sleep 2ms");
        EXPECT_EQ(p.hear(), "go");
        p.say("@2 @5 lane 2: sleep 1ms => ok\n@6 ! kernel \"odd\"\n@5 @7 lane 2: sleep 2ms => ok\n@1 @8 lane 1: sleep 1ms => ok\n");
    });
    const auto session = start();
    const std::vector<Line> block{line("lane 1: sleep 1ms"), line("lane 2: sleep 1ms"), line("lane 2: sleep 2ms")};
    std::vector<std::string> seen;
    session->run(block, [&seen](const Line& l) { seen.push_back(print(l)); });
    EXPECT_THAT(seen, testing::ElementsAre("@2 @5 lane 2: sleep 1ms => ok", "@6 ! kernel \"odd\"",
                                           "@5 @7 lane 2: sleep 2ms => ok", "@1 @8 lane 1: sleep 1ms => ok"));
}

TEST_F(SessionTest, AStepThatIsNotOfTheBlockIsNoAnswer) {
    play([](Peer& p) {
        p.say(kHead);
        while (p.hear() != "go") {
        }
        p.say("@2 @5 lane 2: sleep 1ms => ok\n@2 @6 lane 2: sleep 1ms => ok\n");
    });
    const auto session = start();
    const std::vector<Line> block{line("lane 1: sleep 1ms"), line("lane 2: sleep 1ms")};
    EXPECT_THROW(session->run(block, [](const Line&) {}), RigDied);
    EXPECT_TRUE(channel_->broken());
}

TEST_F(SessionTest, TheWitnessAnswersInBetweenAndNobodyElseHears) {
    play([](Peer& p) {
        p.say(kHead);
        EXPECT_EQ(p.hear(), "witness");
        p.say("witness owns 0x1000+8K\nwitness search 0x2a 7\n");
        EXPECT_EQ(p.hear(), "found 0x5000+64 seq 7");
        p.say("@1 @7 witness => ok\n");
        EXPECT_EQ(p.hear(), "end");
        p.say("witness search 0x2a 8\n");
        EXPECT_EQ(p.hear(), "found");
        p.say("end 1\nexit 0\n");
    });
    std::vector<std::size_t> owned;
    const auto search = [&owned](const StampSearch& s) {
        EXPECT_EQ(s.key.nonce(), 42U);
        owned.push_back(s.owned.size());
        return s.owned.empty() ? std::vector<Stamped>{} : std::vector<Stamped>{{{{0x5000}, 64}, 7}};
    };
    const auto session = make_session(*channel_, {"fake", std::chrono::seconds(20), true, search});
    std::vector<std::string> seen;
    const auto note = [&seen](const Line& l) { seen.push_back(print(l)); };
    EXPECT_EQ(print(session->step(line("witness"), note)), "@1 @7 witness => ok");
    session->finish(note);
    EXPECT_THAT(seen, testing::ElementsAre("end 1"));
    EXPECT_THAT(owned, testing::ElementsAre(1U, 0U));
}

// As a guest that has its steps from elsewhere.
TEST_F(SessionTest, AMutedChannelOnlyAnswers) {
    play([](Peer& peer) {
        peer.say(kHead);
        peer.say("witness search 0x2a 3\n");
        EXPECT_EQ(peer.hear(), "found");
        peer.say("@1 @2 sleep 1ms => ok\nend 1\n");
        peer.say("exit 0\n");
        EXPECT_EQ(peer.hear(), "") << "nothing else was sent";
    });
    channel_->mute();
    auto session = make_session(*channel_, {"fake", std::chrono::seconds(20), true, [](const StampSearch&) { return std::vector<Stamped>(); }});
    EXPECT_TRUE(session->step(line("sleep 1ms"), {}).observed);
    session->finish({});
    hang_up(std::move(session));
}

TEST_F(SessionTest, AQuestionThatIsNoneEndsTheSession) {
    play([](Peer& p) {
        p.say(kHead);
        EXPECT_EQ(p.hear(), "sleep 1ms");
        p.say("witness search everywhere\n");
    });
    const auto session = make_session(
        *channel_, {"fake", std::chrono::seconds(20), true, [](const StampSearch&) { return std::vector<Stamped>{}; }});
    EXPECT_THAT(death(*session).what(), HasSubstr("the rig asked its witness 'witness search everywhere'"));
}

TEST_F(SessionTest, BackgroundDmaDoesNotKeepAStepAlive) {
    play([](Peer& p) {
        p.say(kHead);
        p.hear();
        p.repeat("@5 @6 ! dma a write 0x200000+64 => done seq 7 nowhere\n");
    });
    auto session = start(milliseconds(20));
    EXPECT_THAT(death(*session).what(), HasSubstr("did not answer in time: 'sleep 1ms'"));
    hang_up(std::move(session));
}

TEST_F(SessionTest, AnAbandonedSessionFreesTheChannelForTheNext) {
    play([](Peer& p) {
        for (int n = 0; n < 2; ++n) {
            p.say(kHead);
            EXPECT_EQ(p.hear(), "end");
            p.say("end 0\nexit 0\n");
        }
    });
    for (int n = 0; n < 2; ++n) EXPECT_EQ(start()->head().size(), 2U);
    EXPECT_FALSE(channel_->broken());
}

TEST_F(SessionTest, SaysWhyExecCouldNotStart) {
    play([](Peer& p) { p.say("@0 ! lab \"vfio-pci does not take 0000:00:08.0\"\nexit 3\n"); });
    try {
        start();
        FAIL();
    } catch (const LabError& e) {
        EXPECT_STREQ(e.what(), "rig fake: vfio-pci does not take 0000:00:08.0");
    }
    EXPECT_FALSE(channel_->broken());
}

TEST_F(SessionTest, ALineThatIsNone) {
    play([](Peer& p) {
        p.say(kHead);
        p.hear();
        p.say("segmentation fault\n");
    });
    const auto session = start();
    EXPECT_THAT(death(*session).what(), HasSubstr("'segmentation fault'"));
}

TEST_F(SessionTest, AnAnswerToAnotherStep) {
    play([](Peer& p) {
        p.say(kHead);
        p.hear();
        p.say("@1 @2 sleep 2ms => ok\n");
    });
    const auto session = start();
    EXPECT_THAT(death(*session).what(), HasSubstr("'@1 @2 sleep 2ms => ok' to 'sleep 1ms'"));
}

TEST_F(SessionTest, AClosedChannel) {
    play([](Peer& p) {
        p.say(kHead);
        p.hear();
        p.print("guest: going down\r\n");
    });
    const auto session = start();
    const RigDied e = death(*session);
    EXPECT_THAT(e.what(), HasSubstr("closed its channel while it should answer 'sleep 1ms'"));
    EXPECT_EQ(e.console(), "guest: going down\n");
    EXPECT_FALSE(e.kernel_died());
}

// As a machine that replays, which has its witness's answer already and may be gone before ours.
TEST_F(SessionTest, WhatWasSaidBeforeTheChannelClosedIsRead) {
    play([](Peer& p) { p.say("the last words\n"); });
    join();
    EXPECT_NO_THROW(channel_->answer("too late", Deadline(milliseconds(20))));
    EXPECT_EQ(channel_->receive(Deadline(milliseconds(20)), "'it'"), "the last words");
    EXPECT_THROW(std::ignore = channel_->receive(Deadline(milliseconds(20)), "'it'"), RigDied);
}

TEST_F(SessionTest, AProgramThatEndsEarly) {
    play([](Peer& p) {
        p.say(kHead);
        p.hear();
        p.say("@9 ! lab \"out of memory\"\nexit 3\n");
    });
    const auto session = start();
    EXPECT_THAT(death(*session).what(), HasSubstr("ended early, status 3: out of memory"));
}

TEST_F(SessionTest, AGuestThatHangs) {
    play([](Peer& p) {
        p.print("last words of a guest\r\n");
        p.say(kHead);
        p.hear();
        p.hear();  // until the test is over
    });
    auto session = start(milliseconds(20));
    const RigDied e = death(*session);
    EXPECT_THAT(e.what(), HasSubstr("did not answer in time: 'sleep 1ms'"));
    EXPECT_EQ(e.console(), "last words of a guest\n");
    EXPECT_FALSE(e.kernel_died());
    hang_up(std::move(session));
}

// The channel stays open and silent; only the console tells. The limit would be 20 s.
TEST_F(SessionTest, AKernelThatPanics) {
    play([](Peer& p) {
        p.say(kHead);
        p.hear();
        p.print("[    0.9] fine so far\r\n" + kPanic.substr(0, 30));
        p.print(kPanic.substr(30) + "[    1.1] Call Trace:\r\n");
        p.hear();
    });
    auto session = start();
    const RigDied e = death(*session);
    EXPECT_TRUE(e.kernel_died());
    EXPECT_STREQ(e.what(),
                 "the kernel died: [    1.000000] Kernel panic - not syncing: sysrq triggered crash");
    EXPECT_THAT(e.console(), testing::AllOf(HasSubstr("fine so far\n"), HasSubstr("Call Trace:\n")));
    hang_up(std::move(session));
}

TEST_F(SessionTest, EveryWayAKernelSaysItIsBroken) {
    for (const char* words : {"BUG: unable to handle page fault for address: 0", "Oops: 0000 [#1] SMP",
                              "general protection fault, probably for non-canonical address"}) {
        auto [ours, theirs] = make_wire();
        Console console(std::move(ours), {});
        const std::string text = std::string("[    2.0] ") + words + "\r\n";
        ASSERT_EQ(write(theirs.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
        console.drain();
        EXPECT_THAT(console.last_words(), HasSubstr(words));
    }
}

TEST(Console, TheTailIsItsLastLines) {
    auto [ours, theirs] = make_wire();
    Console console(std::move(ours), {});
    std::string text;
    for (int n = 0; n < 1000; ++n) text += "line " + std::to_string(n) + "\r\n";
    ASSERT_EQ(write(theirs.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    console.drain();
    EXPECT_THAT(console.tail(), testing::StartsWith("line 940\n"));
    EXPECT_THAT(console.tail(), testing::EndsWith("line 999\n"));
    EXPECT_THAT(console.text(), testing::StartsWith("line 0\n"));
}

TEST(ImpliedTime, GrowsWithWhatAStepMustDo) {
    EXPECT_GE(implied_time(Buffer{"p", 256U << 20U}), std::chrono::seconds(20));
    EXPECT_EQ(implied_time(Buffer{"p", 4096}), milliseconds(0));
    const auto of = [](const char* text) { return implied_time(*parse_line(text, "<test>", 1).step()); };
    EXPECT_EQ(of("sleep 3s"), std::chrono::seconds(3));
    EXPECT_EQ(of("attach a one"), milliseconds(0));
    EXPECT_EQ(of("dma a write 0x200000+4K"), milliseconds(200));
    EXPECT_EQ(of("dma a write 0x200000+1M"), milliseconds(51'200));
}

}  // namespace
}  // namespace landfall
