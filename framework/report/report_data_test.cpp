#include "report/report_data.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "landfall/error.hpp"
#include "report/page.hpp"
#include "source_dir.hpp"

namespace landfall {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// What page/data.js does, in whole numbers.
std::vector<std::int64_t> unpacked(const json& column, std::size_t rows) {
    if (column.is_number()) return std::vector<std::int64_t>(rows, column.get<std::int64_t>());
    constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::vector<std::int64_t> out;
    std::uint64_t bits = 0, value = 0, last = 0;
    unsigned held = 0, shift = 0;
    for (const char c : column.get<std::string>()) {
        if (c == '=') break;
        bits = bits << 6U | kLetters.find(c);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        const auto byte = bits >> held & 0xffU;
        value |= (byte & 0x7fU) << shift;
        shift += 7;
        if ((byte & 0x80U) != 0) continue;
        last += value >> 1U ^ (0 - (value & 1U));
        out.push_back(static_cast<std::int64_t>(last));
        value = shift = 0;
    }
    return out;
}

std::vector<std::int64_t> column_of(const json& table, const char* name) {
    return unpacked(table.at(name), table.at("rows"));
}

json data_of(const Trace& trace, const std::string& model = "iommufd") {
    ReportData data("run.trace", model);
    for (const auto& line : trace.lines) data.feed(line);
    CheckOptions options;
    options.model = model;
    return json::parse(data.json(check(trace, options), trace.cut));
}

Trace golden(const std::string& name) {
    return Trace::read(std::string(LANDFALL_SOURCE_DIR) + "/fixtures/traces/" + name + ".trace");
}

const std::string kHead =
    "device a 0000:00:08.0 1234:11e8 group 2 engine edu\n"
    "device b 0000:00:08.1 1234:11e8 group 2 engine edu\n"
    "staging 0x70000000+1M\n";

TEST(Column, ComesBackWhateverItHolds) {
    constexpr auto kLeast = std::numeric_limits<std::int64_t>::min(),
                   kMost = std::numeric_limits<std::int64_t>::max();
    for (const auto& values : std::vector<std::vector<std::int64_t>>{{0, 1, -1, 63, 64, -64, -65},
                                                                     {kMost, kLeast, 0, kMost, -1},
                                                                     {7},
                                                                     {1, 2},
                                                                     {1, 2, 3},
                                                                     {1, 2, 3, 4},
                                                                     {}}) {
        Column column;
        for (const auto v : values) column.add(v);
        EXPECT_EQ(unpacked(column.json(), values.size()), values);
    }
}

TEST(Column, OfOneValueIsANumber) {
    Column column;
    for (int i = 0; i < 1000; ++i) column.add(-3);
    EXPECT_EQ(column.json(), json(-3));
}

TEST(Column, OfAMillionTimesTakesLittle) {
    Column column;
    for (std::int64_t i = 0; i < 1'000'000; ++i) column.add(i * 1100);
    EXPECT_LT(column.json().get<std::string>().size(), 3'000'000U);
}

TEST(ReportData, HasTheVerdictWithItsWitnesses) {
    const auto data = data_of(golden("fail/landing-group-replace"));
    const auto& verdict = data["verdict"];
    EXPECT_EQ(verdict["kind"], "violation");
    EXPECT_EQ(verdict["headline"], "1 violation: landing");
    EXPECT_THAT(verdict["summary"].get<std::string>(), StartsWith("violation: landing (line 24)"));
    ASSERT_EQ(verdict["violations"].size(), 1U);
    const auto& v = verdict["violations"][0];
    EXPECT_EQ(v["line"], 24);
    EXPECT_EQ(v["witness"], json({16, 17, 18, 22, 24}));
    EXPECT_EQ(v["window"], json({109732200, 210132200}));
    EXPECT_EQ(v["observed"], "done seq 4 lands p1");
}

TEST(ReportData, TellsStepsDmasAndEventsApart) {
    const auto data = data_of(golden("fail/landing-group-replace"));
    EXPECT_THAT(column_of(data["steps"], "line"),
                ElementsAre(11, 12, 13, 14, 15, 16, 17, 18, 19, 22, 25, 26, 31));
    const auto& dmas = data["dmas"];
    EXPECT_THAT(column_of(dmas, "line"), ElementsAre(20, 24, 28));
    EXPECT_THAT(column_of(dmas, "page"), ElementsAre(0x200, 0x200, 0x300));
    EXPECT_THAT(column_of(dmas, "seq"), ElementsAre(4, 5, 6)) << "one more, for 0 means none";
    EXPECT_THAT(column_of(dmas, "times"), ElementsAre(1, 1, 1));
    const auto places = column_of(dmas, "place");
    EXPECT_EQ(data["places"][places[1]], json({"lands p1", 0}));
    EXPECT_EQ(data["places"][places[2]], json({"nowhere", -1}));
    EXPECT_EQ(data["events"]["rows"], 1);
    EXPECT_EQ(data["devices"][column_of(data["events"], "device")[0]], "b");
    const auto note = column_of(data["steps"], "note")[9];
    EXPECT_EQ(data["texts"][note], "only a is replaced ...");
}

TEST(ReportData, ADomainBeginsAndEndsInTheIntervalOfAStep) {
    const auto data = data_of(golden("fail/landing-group-replace"));
    const auto& domains = data["views"]["domains"];
    EXPECT_THAT(column_of(domains, "space"), ElementsAre(-1, 0, 1)) << "blocked, one, two";
    EXPECT_THAT(column_of(domains, "b0"), ElementsAre(-1, 2413400, 104924000));
    EXPECT_THAT(column_of(domains, "b1"), ElementsAre(-1, 3456400, 109724000));
    EXPECT_THAT(column_of(domains, "e0"), ElementsAre(2413400, 104924000, -1));
    EXPECT_THAT(column_of(domains, "e1"), ElementsAre(3456400, 109724000, -1));
    EXPECT_EQ(data["views"]["units"], json({2, 2})) << "both devices move with their group";
}

TEST(ReportData, DeclaredIsWhatTheDeviceWasGivenLast) {
    const auto data = data_of(golden("fail/landing-group-replace"));
    const auto& declared = data["views"]["declared"];
    EXPECT_THAT(column_of(declared, "device"), ElementsAre(0, 0, 0, 1, 1, 1));
    EXPECT_THAT(column_of(declared, "line"), ElementsAre(0, 18, 22, 0, 19, 31))
        << "b believes in one until line 31";
}

TEST(ReportData, AMappingEndsWithItsUnmap) {
    const auto data = data_of(golden("pass/landing-pump"));
    const auto& m = data["views"]["mappings"];
    const auto pages = column_of(m, "page"), ends = column_of(m, "e0"), buffers = column_of(m, "buffer");
    const auto at = static_cast<std::size_t>(std::ranges::find(pages, 0x200) - pages.begin());
    ASSERT_LT(at, pages.size());
    EXPECT_EQ(ends[at], 220000000);
    EXPECT_EQ(data["buffers"][buffers[at]], json({"p1", 4096}));
    EXPECT_EQ(data["dmas"]["rows"], 3) << "those of the pump";
}

TEST(ReportData, ADmaInFlightLastsFromItsStartToItsWait) {
    const auto data = data_of(golden("fail/landing-torn-replace"));
    EXPECT_THAT(column_of(data["dmas"], "t0"), ElementsAre(4576000));
    EXPECT_THAT(column_of(data["dmas"], "t1"), ElementsAre(69401400));
    EXPECT_EQ(data["places"][0][1], -2) << "in several places";
}

TEST(ReportData, RowsAreInOrderOfTheirBeginning) {
    const auto data = data_of(Trace::parse(kHead + "@10 @20 ioas one => ok\n"
                                                   "@35 @40 lane 2: ioas two => ok\n"
                                                   "@30 @50 lane 1: buffer p1 4K => ok\n"
                                                   "end 3\n"));
    EXPECT_THAT(column_of(data["steps"], "t0"), ElementsAre(10, 30, 35));
    EXPECT_THAT(column_of(data["steps"], "lane"), ElementsAre(0, 1, 2));
}

TEST(ReportData, WithoutAnElementsEnd) {
    const std::string evil = "</script><img src=x onerror=alert(1)><!-- ";
    const auto trace = Trace::parse(kHead + "# " + evil + "\n@10 @20 ioas one => ok\n@30 ! kernel \"" + evil +
                                    "\"\nend 1\n");
    ReportData data(evil, "iommufd");
    for (const auto& line : trace.lines) data.feed(line);
    const auto text = data.json(check(trace), false);
    EXPECT_EQ(text.find('<'), std::string::npos);
    const auto back = json::parse(text);
    EXPECT_EQ(back["file"], evil);
    EXPECT_THAT(back["texts"].dump(), HasSubstr("onerror")) << "nothing is lost";
}

TEST(ReportData, ACutTraceSaysSo) {
    const auto data = data_of(Trace::parse(kHead + "@10 @20 ioas one => ok\n@30 @4"));
    EXPECT_EQ(data["verdict"]["cut"], true);
    EXPECT_EQ(data["verdict"]["headline"], "Inconclusive: the trace breaks off inside a line");
    EXPECT_EQ(data["steps"]["rows"], 1);
}

TEST(ReportData, ViewsEndWhereTheLabLostTrack) {
    const auto data = data_of(Trace::parse(kHead + "@10 @20 ioas one => ok\n"
                                                   "@30 ! lab \"the guest's channel closed\"\n"
                                                   "@40 @50 attach a one => ok\n"
                                                   "end 2\n"));
    EXPECT_EQ(data["known_until"], 30);
    EXPECT_EQ(data["views"]["domains"]["rows"], 1) << "blocked; the attach proves nothing any more";
}

TEST(ReportData, ViewsEndWhereThereAreTooManyMappings) {
    auto text = kHead + "@10 @20 buffer p 4K => ok\n@30 @40 ioas one bare => ok\n@50 @60 map one 0x0 p rw => ok\n";
    for (unsigned i = 0; i < 20; ++i)
        text += fmt::format("@{} @{} ioas-copy one {:#x} one 0x0+{:#x} rw => ok\n", 100 + 2 * i, 101 + 2 * i,
                            kPageSize << i, kPageSize << i);
    EXPECT_EQ(data_of(Trace::parse(text))["known_until"], 132);
}

TEST(ReportData, AddressesBeyondADoubleStayExact) {
    const auto data =
        data_of(Trace::parse(kHead + "@10 @20 ioas one => ok\n"
                                     "@30 @40 dma a write 0xfffffffffffff008+8 => error seq 2 nowhere\n"
                                     "end 2\n"));
    EXPECT_THAT(column_of(data["dmas"], "page"), ElementsAre(0xfffffffffffff));
    EXPECT_THAT(column_of(data["dmas"], "byte"), ElementsAre(8));
    EXPECT_THAT(column_of(data["dmas"], "status"), ElementsAre(1));
}

TEST(ReportData, SaysHowManyDmasALineTellsOf) {
    const auto data = data_of(Trace::parse(kHead + "@10 @20 pump a write 0x200000+64 => ok\n"
                                                   "@30 @40 ! dma a write 0x200000+64 times 200 => done seq 2 nowhere\n"
                                                   "@50 @60 halt a => ok 0xc8\n"
                                                   "end 2\n"));
    EXPECT_THAT(column_of(data["dmas"], "times"), ElementsAre(200));
}

TEST(ReportData, NoSuchModel) { EXPECT_THROW(ReportData("x", "folklore"), TextError); }

TEST(Headline, SaysTheVerdict) {
    Verdict v;
    EXPECT_EQ(headline(v), "Pass: every byte is accounted for");
    Violation known;
    known.rule = "fault";
    known.known = "a reference";
    v.violations = {known};
    EXPECT_EQ(headline(v), "Pass, on known findings only: fault");
    v.kind = Verdict::Kind::violation;
    Violation fresh;
    fresh.rule = "landing";
    v.violations.push_back(fresh);
    v.dropped = 2;
    EXPECT_EQ(headline(v), "3 violations: landing");
    v.kind = Verdict::Kind::unmet;
    v.reason = "no bridge";
    EXPECT_EQ(headline(v), "Not run to its end, a requirement is unmet: no bridge");
}

TEST(Page, HoldsStyleScriptAndTheirHashes) {
    EXPECT_THAT(std::string(kPageHead), HasSubstr("default-src 'none'; style-src 'sha256-"));
    EXPECT_THAT(std::string(kPageHead), Not(HasSubstr("{{")));
    EXPECT_THAT(std::string(kPageHead), Not(HasSubstr("http://")));
    EXPECT_THAT(std::string(kPageTail), Not(HasSubstr("innerHTML")));
    EXPECT_THAT(std::string(kPageTail), Not(HasSubstr("{{")));
    EXPECT_THAT(std::string(kPageTail), HasSubstr("</html>"));
}

}  // namespace
}  // namespace landfall
