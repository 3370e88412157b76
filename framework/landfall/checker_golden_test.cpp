// Golden traces: fixtures/traces/fail/RULE-WHAT.trace must make RULE fire, and its neighbour of the same name
// in pass/, a fact or two away, must not make anything fire. A comment of the failing one names what is to be
// found:
//   # finds: RULE DEVICE IOVA PAGE part of the summary       ("-" where there is nothing to name)
// Traces in a subfolder are judged by the model it is named after.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "landfall/checker.hpp"
#include "source_dir.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;
const fs::path kTraces = fs::path(LANDFALL_SOURCE_DIR) / "fixtures/traces";

std::vector<std::string> names_in(const char* folder) {
    std::vector<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(kTraces / folder))
        if (entry.path().extension() == ".trace")
            out.push_back(fs::relative(entry.path(), kTraces / folder).replace_extension().string());
    std::ranges::sort(out);
    return out;
}

CheckOptions options_for(const std::string& name) {
    CheckOptions options;
    if (const auto model = fs::path(name).parent_path(); !model.empty()) options.model = model.string();
    return options;
}

struct Finding {
    std::string rule, device, iova, page, text;
};

Finding finding_of(const Trace& trace) {
    constexpr std::string_view kMark = " finds: ";
    for (const auto& line : trace.lines) {
        if (!line.comment.starts_with(kMark)) continue;
        std::istringstream in(line.comment.substr(kMark.size()));
        Finding f;
        in >> f.rule >> f.device >> f.iova >> f.page >> std::ws;
        std::getline(in, f.text);
        return f;
    }
    return {};
}

std::string describe(const Violation& v) { return v.rule + ": " + v.summary; }

std::string all_of(const Verdict& verdict) {
    std::string out = std::string(verdict_str(verdict.kind)) + " " + verdict.reason;
    for (const auto& v : verdict.violations) out += "\n  " + describe(v);
    return out;
}

std::string test_name(const testing::TestParamInfo<std::string>& trace) {
    auto name = trace.param;
    std::ranges::replace_if(
        name, [](char c) { return c == '-' || c == '/'; }, '_');
    return name;
}

class Failing : public testing::TestWithParam<std::string> {};

TEST_P(Failing, FiresTheRuleItIsNamedAfter) {
    const auto trace = Trace::read(kTraces / "fail" / (GetParam() + ".trace"));
    const auto want = finding_of(trace);
    ASSERT_TRUE(fs::path(GetParam()).filename().string().starts_with(want.rule + "-"))
        << "the file is named after another rule";
    const auto verdict = check(trace, options_for(GetParam()));
    EXPECT_EQ(verdict.kind, Verdict::Kind::violation) << all_of(verdict);
    EXPECT_EQ(verdict.exit_status(), ExitStatus::violation);
    const auto it = std::ranges::find(verdict.violations, want.rule, &Violation::rule);
    ASSERT_NE(it, verdict.violations.end()) << all_of(verdict);
    EXPECT_EQ(it->device.empty() ? "-" : it->device, want.device) << describe(*it);
    EXPECT_EQ(it->iova ? print(*it->iova) : "-", want.iova) << describe(*it);
    EXPECT_EQ(it->page ? print(*it->page) : "-", want.page) << describe(*it);
    EXPECT_THAT(it->summary, testing::HasSubstr(want.text));
    EXPECT_THAT(it->witness, testing::Contains(it->line));
    EXPECT_TRUE(it->window) << describe(*it);
    EXPECT_FALSE(it->promise.empty() || it->source.empty() || it->observed.empty());
    for (const auto& v : verdict.violations)
        EXPECT_TRUE(v.rule == want.rule || v.rule == "expectation") << "fires for no reason: " << describe(v);
}

INSTANTIATE_TEST_SUITE_P(Traces, Failing, testing::ValuesIn(names_in("fail")), test_name);

class Passing : public testing::TestWithParam<std::string> {};

TEST_P(Passing, FiresNothing) {
    const auto verdict =
        check(Trace::read(kTraces / "pass" / (GetParam() + ".trace")), options_for(GetParam()));
    EXPECT_EQ(verdict.kind, Verdict::Kind::pass) << all_of(verdict);
    EXPECT_TRUE(verdict.violations.empty()) << all_of(verdict);
}

INSTANTIATE_TEST_SUITE_P(Traces, Passing, testing::ValuesIn(names_in("pass")), test_name);

TEST(Golden, EveryRuleIsSeenToFire) {
    std::set<std::string> seen;
    for (const auto& name : names_in("fail"))
        seen.insert(finding_of(Trace::read(kTraces / "fail" / (name + ".trace"))).rule);
    for (const auto& rule : rules())
        EXPECT_TRUE(seen.contains(rule.id)) << "no failing trace for " << rule.id;
}

TEST(Golden, EveryFailingTraceHasAPassingNeighbour) {
    const auto passing = names_in("pass");
    EXPECT_THAT(passing, testing::IsSupersetOf(names_in("fail")));
}

// Cut anywhere, a failing trace is never a pass, and a passing one never a violation.
TEST(Golden, APrefixProvesNothingItShouldNot) {
    for (const auto& name : names_in("pass")) {
        auto trace = Trace::read(kTraces / "pass" / (name + ".trace"));
        while (trace.lines.size() > 1) {
            trace.lines.pop_back();
            const auto verdict = check(trace, options_for(name));
            EXPECT_EQ(verdict.kind, Verdict::Kind::inconclusive)
                << name << " cut behind line " << trace.lines.size() << ": " << all_of(verdict);
        }
    }
}

}  // namespace
}  // namespace landfall
