#include "rig/live_run.hpp"

#include <gtest/gtest.h>

#include <map>

namespace landfall {
namespace {

/// What the paper rig was asked, and what it answers: outcome text by step text; "die" and "panic" end it.
struct Script {
    std::map<std::string, std::string> answers;
    std::vector<std::string> sent;
};

class PaperSession final : public Session {
  public:
    explicit PaperSession(Script& script) : script_(script) {
        head_.push_back(parse_line("device a 0000:00:08.0 1234:11e8 group 2 engine edu", "head", 1));
        head_.push_back(parse_line("staging 0x70000000+1M", "head", 2));
    }
    [[nodiscard]] const std::vector<Line>& head() const override { return head_; }
    void run(std::span<const Line> steps, const OnLine& on_line) override {
        for (const auto& line : steps) on_line(answer_to(line));
    }
    [[nodiscard]] Line answer_to(const Line& step) {
        const auto text = print(*step.step());
        script_.sent.push_back(text);
        const auto found = script_.answers.find(text);
        const auto answer = found == script_.answers.end() ? "ok" : found->second;
        if (answer == "die" || answer == "panic") throw RigDied(answer, answer == "panic", "last words");
        return parse_line("@10 @20 " + print(step) + " => " + answer, "paper", 1);
    }
    void finish(const OnLine& on_line) override {
        on_line(parse_line("end " + std::to_string(script_.sent.size()), "paper", 1));
    }

  private:
    Script& script_;
    std::vector<Line> head_;
};

class PaperRig final : public Rig {
  public:
    explicit PaperRig(Script& script) : script_(script) { file_.name = "paper"; }
    [[nodiscard]] const RigFile& file() const override { return file_; }
    [[nodiscard]] std::unique_ptr<Session> session(const std::vector<std::string>&) override {
        return std::make_unique<PaperSession>(script_);
    }
    [[nodiscard]] std::string console() const override { return "boot\n"; }

  private:
    Script& script_;
    RigFile file_;
};

class LiveRunTest : public testing::Test {
  protected:
    Script script;
    PaperRig rig{script};
};

TEST_F(LiveRunTest, OutcomesComeBackAtOnceAndTheTraceIsWhole) {
    script.answers["attach a one"] = "EBUSY";
    LiveRun run(rig, {});
    EXPECT_EQ(print(run.step("ioas one")), "ok");
    EXPECT_EQ(print(run.step("attach a one => ok")), "EBUSY");
    const auto result = run.finish();
    EXPECT_EQ(result.trace.print(),
              "rig \"paper\"\n"
              "device a 0000:00:08.0 1234:11e8 group 2 engine edu\n"
              "staging 0x70000000+1M\n"
              "@10 @20 ioas one => ok\n"
              "@10 @20 attach a one => ok => EBUSY\n"
              "end 2\n");
    EXPECT_EQ(result.verdict.kind, Verdict::Kind::violation);
    EXPECT_FALSE(result.rig_lost);
}

TEST_F(LiveRunTest, AWrongStepIsNotSentAndLeavesNothingBehind) {
    LiveRun run(rig, {});
    EXPECT_THROW(run.step("attach a one"), TextError);
    EXPECT_THROW(run.step("ioas one => lands p1"), TextError);
    EXPECT_THROW(run.step("# nothing"), TextError);
    EXPECT_TRUE(script.sent.empty());
    EXPECT_NO_THROW(run.step("ioas one"));
}

TEST_F(LiveRunTest, NothingRunsBehindAStepThatWasNotMet) {
    script.answers["require engine a igb"] = "unmet \"a is driven by edu\"";
    LiveRun run(rig, {});
    run.step("require engine a igb");
    EXPECT_THROW(run.step("ioas one"), LabError);
    EXPECT_EQ(run.finish().verdict.kind, Verdict::Kind::unmet);
}

TEST_F(LiveRunTest, ARigThatDiedIsNeverAPass) {
    script.answers["ioas one"] = "die";
    LiveRun run(rig, {});
    EXPECT_THROW(run.step("ioas one"), RigDied);
    EXPECT_THROW(run.step("ioas two"), LabError);
    const auto result = run.finish();
    EXPECT_TRUE(result.rig_lost);
    EXPECT_EQ(result.verdict.kind, Verdict::Kind::inconclusive);
}

TEST_F(LiveRunTest, AKernelThatDiedIsAFinding) {
    script.answers["ioas one"] = "panic";
    LiveRun run(rig, {});
    EXPECT_THROW(run.step("ioas one"), RigDied);
    const auto result = run.finish();
    ASSERT_EQ(result.verdict.kind, Verdict::Kind::violation);
    EXPECT_EQ(result.verdict.violations.front().rule, "kernel");
}

}  // namespace
}  // namespace landfall
