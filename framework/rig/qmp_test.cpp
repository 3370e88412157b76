#include "rig/qmp.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tuple>

#include "landfall/error.hpp"
#include "os/wire.hpp"
#include "rig/complaint_test.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr const char* kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": "Debian"}, "capabilities": []}})"
    "\r\n";
constexpr const char* kOk = "{\"return\": {}}\r\n";

// What QEMU would say is on the wire before it is asked.
class QmpTest : public testing::Test {
  protected:
    void say(const std::string& text) const {
        ASSERT_EQ(write(wire_.theirs.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    Qmp connect() { return {std::move(wire_.ours), Deadline(milliseconds(5000))}; }
    Qmp negotiated() {
        say(kGreeting);
        say(kOk);
        return connect();
    }
    [[nodiscard]] std::string asked() const {
        std::string out(4096, '\0');
        const ssize_t n = recv(wire_.theirs.get(), out.data(), out.size(), MSG_DONTWAIT);
        out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        return out;
    }

    Wire wire_ = make_wire();
    Deadline soon_{milliseconds(5000)};
    const nlohmann::json nothing_ = nlohmann::json::object();
};

TEST_F(QmpTest, NegotiatesAndKnowsItsQemu) {
    const auto qmp = negotiated();
    EXPECT_EQ(qmp.version(), "10.0.2 Debian");
    EXPECT_THAT(asked(), HasSubstr(R"("execute":"qmp_capabilities")"));
}

TEST_F(QmpTest, EventsMayComeBetweenACommandAndItsReply) {
    auto qmp = negotiated();
    say(R"({"event": "MIGRATION", "data": {"status": "setup"}})" "\n" R"({"event": "STOP"})" "\n");
    say(R"({"return": {"running": true}})" "\n" R"({"event": "MIGRATION", "data": {"status": "completed"}})" "\n");
    EXPECT_EQ(qmp.execute("query-status", nothing_, soon_).at("running"), true);
    EXPECT_EQ(qmp.event("MIGRATION", soon_).at("status"), "setup");
    EXPECT_EQ(qmp.event("MIGRATION", soon_).at("status"), "completed");
    EXPECT_EQ(qmp.event("STOP", soon_), nothing_);
}

TEST_F(QmpTest, ARefusalSaysWhyAndTheNextCommandGoesOn) {
    auto qmp = negotiated();
    say(R"({"error": {"class": "GenericError", "desc": "State blocked by non-migratable device 'amd-iommu'"}})" "\n");
    say(kOk);
    try {
        qmp.execute("migrate", {{"uri", "file:x"}}, soon_);
        FAIL();
    } catch (const Qmp::Refused& e) {
        EXPECT_STREQ(e.what(), "State blocked by non-migratable device 'amd-iommu'");
    }
    EXPECT_EQ(qmp.execute("cont", nothing_, soon_), nothing_);
}

TEST_F(QmpTest, SilenceHasALimit) {
    auto qmp = negotiated();
    const auto act = [&] { qmp.execute("cont", nothing_, Deadline(milliseconds(20))); };
    EXPECT_EQ(complaint<LabError>(act), "QEMU did not answer to cont: not in time");
}

TEST_F(QmpTest, AClosedChannelIsNoReply) {
    auto qmp = negotiated();
    wire_.theirs.reset();
    EXPECT_THAT(complaint<LabError>([&] { qmp.execute("cont", nothing_, soon_); }), HasSubstr("the channel is closed"));
}

TEST_F(QmpTest, WhatIsNoGreetingIsQuoted) {
    say("SSH-2.0-OpenSSH_9.2\r\n");
    EXPECT_THAT(complaint<LabError>([&] { connect(); }), HasSubstr("no QMP message: 'SSH-2.0-OpenSSH_9.2"));
}

TEST_F(QmpTest, AGreetingWithoutAVersionIsNone) {
    say("{\"QMP\": {}}\n");
    EXPECT_THAT(complaint<LabError>([&] { connect(); }), HasSubstr("QEMU did not answer to its greeting"));
}

TEST_F(QmpTest, NoReplyIsTakenForOne) {
    auto qmp = negotiated();
    say("{\"neither\": 1}\n");
    EXPECT_THAT(complaint<LabError>([&] { qmp.execute("cont", nothing_, soon_); }), HasSubstr("it sent {\"neither\":1}"));
}

TEST_F(QmpTest, AMessageWithoutEndIsGivenUp) {
    int big = 4 << 20;
    setsockopt(wire_.theirs.get(), SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big);
    auto qmp = negotiated();
    const std::string piece(64U << 10, 'x');
    std::size_t sent = 0;
    const auto act = [&] {
        for (; sent <= 2 * Qmp::kLongestMessage; sent += piece.size()) {
            (void)!send(wire_.theirs.get(), piece.data(), piece.size(), MSG_DONTWAIT);
            try {
                std::ignore = qmp.event("STOP", Deadline(milliseconds(0)));
            } catch (const LabError& e) {
                if (std::string(e.what()).find("not in time") == std::string::npos) throw;
            }
        }
    };
    EXPECT_THAT(complaint<LabError>(act), HasSubstr("a message without end"));
}

}  // namespace
}  // namespace landfall
