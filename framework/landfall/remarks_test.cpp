#include "landfall/remarks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "landfall/checker.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A program on a machine with a pair: its devices are closed until it opens them. Steps are given with their
// answers.
Trace program(const std::string& steps) {
    std::string text =
        "kernel \"7.3.4\"\niommu \"vtd\"\ndevice a 0000:01:00.0 8086:10c9 group 1 engine igb\n"
        "device b 0000:01:00.1 8086:10c9 group 1 engine igb\nreserved 1 0xfee00000+1M\n"
        "@1 @1 close a => ok\n@1 @1 close b => ok\n@1 @1 buffer m1 4K => ok\n@1 @1 buffer m2 4K => ok\n";
    unsigned count = 4, time = 10;
    std::istringstream in(steps);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("#")) {
            text += line + '\n';
            continue;
        }
        text += "@" + std::to_string(time) + " @" + std::to_string(time + 5) + " " + line + "\n";
        time += 10;
        ++count;
    }
    return Trace::parse(text + "end " + std::to_string(count) + "\n");
}

// Whatever is remarked, the kernel did what it owes, so that a trace here is one that can be.
std::vector<Remark> of(const std::string& steps) {
    const auto trace = program(steps);
    const auto verdict = check(trace);
    EXPECT_EQ(verdict.kind, Verdict::Kind::pass) << verdict.reason;
    for (const auto& v : verdict.violations) ADD_FAILURE() << v.summary;
    return remarks(trace);
}

std::vector<std::string> ids(const std::vector<Remark>& remarks) {
    std::vector<std::string> out;
    for (const auto& r : remarks) out.push_back(r.id);
    return out;
}

const std::string kBothOnOne =
    "open a => ok\nopen b => ok\nioas one bare => ok\nioas two bare => ok\n"
    "map one 0x200000 m1 rw => ok\nmap two 0x200000 m1 rw => ok\nattach a one => ok\nattach b one => ok\n";
const std::string kClosed = "close a => ok\nclose b => ok\n";

TEST(Remarks, AMappingForASiblingThatIsElsewhereIsRemarkedOnTwice) {
    const auto found =
        of(kBothOnOne + "replace a two => ok\nmap one 0x300000 m2 rw => ok\nreplace b two => ok\n" + kClosed);
    ASSERT_THAT(ids(found), ElementsAre("sibling-elsewhere", "map-unseen"));
    EXPECT_THAT(
        found[0].text,
        HasSubstr("b was attached to 'one', but since line 18 'replace a two' its DMA goes through 'two'"));
    EXPECT_THAT(found[0].text, HasSubstr("then came line 19 'map one 0x300000 m2 rw'"));
    EXPECT_THAT(found[0].lines, ElementsAre(17, 18, 19));
    EXPECT_THAT(found[1].lines, ElementsAre(19));
}

TEST(Remarks, ReplacingEveryMemberInTurnIsHowItIsDone) {
    EXPECT_THAT(of(kBothOnOne +
                   "replace a two => ok\nranges one => ok 0x0+0xfffffffffffff000\nreplace b two => ok\n"
                   "unmap one 0x200000+4K => ok 0x1000\n" +
                   kClosed),
                IsEmpty());
}

TEST(Remarks, ASiblingLeftBehindIsRemarkedOnWithoutAMapping) {
    const auto found = of(kBothOnOne + "replace a two => ok\n" + kClosed);
    ASSERT_THAT(ids(found), ElementsAre("sibling-elsewhere"));
    EXPECT_THAT(found[0].text, HasSubstr("it was left so"));
}

TEST(Remarks, AndSoItIsWhenTheProgramEnds) {
    EXPECT_THAT(ids(of(kBothOnOne + "replace a two => ok\n")), ElementsAre("sibling-elsewhere"));
}

TEST(Remarks, NothingIsSaidOfWhatWasNotFollowedToItsEnd) {
    EXPECT_THAT(of(kBothOnOne + "replace a two => ok\n# not followed: a PASID\n"), IsEmpty());
}

TEST(Remarks, PageTablesOfOneAddressSpaceShareItsMappings) {
    const auto tables =
        "open a => ok\nopen b => ok\nioas one bare => ok\nioas two bare => ok\nhwpt h1 one a => ok\n"
        "hwpt h2 two a => ok\nattach a h1 => ok\nattach b h1 => ok\nreplace a h2 => ok\n";
    EXPECT_THAT(ids(of(tables + std::string("map one 0x200000 m1 rw => ok\nreplace b h2 => ok\n") + kClosed)),
                ElementsAre("sibling-elsewhere", "map-unseen"));
}

TEST(Remarks, AMemberThatIsBoundAndNeverAttachedIsReachedAllTheSame) {
    const auto found =
        of("open a => ok\nopen b => ok\nioas one bare => ok\nattach a one => ok\nmap one 0x200000 m1 rw => "
           "ok\n" +
           kClosed);
    ASSERT_THAT(ids(found), ElementsAre("reached-unattached"));
    EXPECT_THAT(found[0].text, HasSubstr("b is bound and attached to nothing"));
}

TEST(Remarks, AMemberNobodyBoundIsNoneOfTheProgramsBusiness) {
    EXPECT_THAT(of("open a => ok\nioas one bare => ok\nattach a one => ok\nmap one 0x200000 m1 rw => "
                   "ok\nclose a => ok\n"),
                IsEmpty());
}

TEST(Remarks, ADetachedMemberReachesWhatIsMappedAfterwards) {
    const auto found = of(kBothOnOne + "detach b => ok\nmap one 0x300000 m2 rw => ok\n" + kClosed);
    ASSERT_THAT(ids(found),
                ElementsAre("map-unseen", "reached-unattached"));  // the former: nobody ever was on 'two'
    EXPECT_THAT(found[1].text, HasSubstr("it reaches what line 19 'map one 0x300000 m2 rw' changed"));
}

TEST(Remarks, TakingEverythingDownDeviceByDeviceIsFine) {
    EXPECT_THAT(of("open a => ok\nopen b => ok\nioas one bare => ok\nmap one 0x200000 m1 rw => ok\nattach a "
                   "one => ok\n"
                   "attach b one => ok\ndetach b => ok\nclose b => ok\ndetach a => ok\nclose a => ok\n"
                   "unmap one all => ok 0x1000\ndestroy one => ok\n"),
                IsEmpty());
}

TEST(Remarks, AnAttachThatTheGroupForbidsIsExplained) {
    const auto found =
        of("open a => ok\nopen b => ok\nioas one bare => ok\nioas two bare => ok\nattach a one => ok\n"
           "attach b two => EINVAL\nattach b one => ok\n" +
           kClosed);
    ASSERT_THAT(ids(found), ElementsAre("refused-by-group"));
    EXPECT_THAT(found[0].text, HasSubstr("answered EINVAL: the group is attached to 'one'"));
}

TEST(Remarks, MappingsBeforeTheFirstAttachAreSeenByIt) {
    EXPECT_THAT(of("ioas one bare => ok\nmap one 0x200000 m1 rw => ok\nopen a => ok\nattach a one => "
                   "ok\nclose a => ok\n"),
                IsEmpty());
}

TEST(Remarks, MappingsThatAreOnlyCopiedFromAreUsed) {
    EXPECT_THAT(of("ioas one bare => ok\nioas two bare => ok\nmap one 0x200000 m1 rw => ok\nopen a => "
                   "ok\nattach a two => ok\n"
                   "ioas-copy two 0x400000 one 0x200000+4K rw => ok\nclose a => ok\n"),
                IsEmpty());
}

TEST(Remarks, UnseenMappingsOfAnAddressSpaceAreOneRemark) {
    const auto found =
        of("ioas one bare => ok\nmap one 0x200000 m1 rw => ok\nmap one 0x300000 m2 rw => ok\nunmap one all "
           "=> ok 0x2000\n");
    ASSERT_THAT(ids(found), ElementsAre("map-unseen"));
    EXPECT_THAT(found[0].text, HasSubstr("and 1 more"));
}

TEST(Remarks, OmissionsAreCountedByName) {
    const auto found = omissions(
        program("ioas one bare => ok\n# not judged: IOMMU_GET_HW_INFO => ok\n"
                "# not judged: IOMMU_GET_HW_INFO => EFAULT\n# not judged: fault 0000:01:00.0 write 0x0\n"
                "# not followed: a PASID\n# somebody's note\n"));
    EXPECT_THAT(found.not_judged,
                ElementsAre(testing::Pair("IOMMU_GET_HW_INFO", 2), testing::Pair("fault", 1)));
    EXPECT_THAT(found.not_followed, ElementsAre("a PASID"));
}

}  // namespace
}  // namespace landfall
