#include "landfall/line.hpp"

#include <gtest/gtest.h>

#include "landfall/error.hpp"

namespace landfall {
namespace {

Line parsed(const std::string& text) { return parse_line(text, "f.scn", 3); }

TextError error_of(const std::string& text) {
    try {
        (void)parsed(text);
    } catch (const TextError& e) {
        return e;
    }
    ADD_FAILURE() << "no error in: " << text;
    return {{}, "", ""};
}

// Canonical text of every alternative the grammar has: reading and printing must not change a byte.
constexpr const char* kCanonical[] = {
    "",
    "# a comment",
    "require same-group a b",
    "require different-groups a b c",
    "require engine a edu",
    "require feature map-file",
    "buffer p1 4K",
    "buffer p1 8 skew 8",
    "buffer p1 4M huge memfd ro skew 4088",
    "buffer p1 16K scattered ro[0x1000+8K]",
    "buffer p1 4M huge scattered",
    "buffer p1 4M huge ro[0x200000+2M]",
    "ioas one",
    "ioas one bare",
    "hwpt h1 one a",
    "map one 0x200000 p1 rw",
    "map one auto p1[0x800+2K] r",
    "map-file one 0x0 p1 w",
    "ioas-copy two 0x1000 one 0x200000+4K rw",
    "ioas-copy two auto one 0x200000+1 r",
    "unmap one 0xfffffffffffff000+4K",
    "unmap one all",
    "attach a one",
    "replace a h1",
    "detach a",
    "destroy h1",
    "open a",
    "close a",
    "reset a",
    "ranges one",
    "allow one",
    "allow one 0x0+1M 0x40000000+1G",
    "option one huge-pages on",
    "option one huge-pages off",
    "lane 1: replace a two",
    "lane 16: dma b write 0x200000+4K => lands p1",
    "dma a write 0x200000+4K => lands p1",
    "dma a read 0x200000+64 => from p1[0x40+64]",
    "dma a copy 0x200000+64 to 0x300000 => from p1 lands p2",
    "start a write 0x200000+64",
    "wait a => nowhere",
    "pump b read 0x200000+64",
    "pump b write 0x200000+64K by 1K",
    "pump b copy 0x200000+64K to 0x400000 by 4K deep 4 every 10ms",
    "pump b read 0x200000+64 every 250us",
    "halt b",
    "view b => sees one # behind",
    "sleep 10ms",
    "witness",
    "map one 0x0 p1 rw => EINVAL",
    "unmap one all => ok 0x1000",
    "@1 @2 ioas one => ok",
    "@1 @2 ranges one => ok 0x0+4078M 0xfef00000+512G",
    "@1 @2 map one auto p1 rw => ok => ok 0x1000",
    "@1 @2 detach a => errno-1234 # comment",
    "@1 @2 dma b write 0x200000+4K => lands p1 => done seq 7 lands p2",
    "@1 @2 dma b write 0x200000+4K => error seq 8 nowhere",
    "@1 @2 dma b write 0x200000+4K => done seq 8 lands p1[0x0+1K] nowhere+1K p2[0x800+2K] also p3[0x0+8] p4",
    "@1 @2 dma b read 0x200000+4K => timeout seq 9 nothing",
    "@1 @2 dma b read 0x200000+4K => done seq 9 from nothing+1K p1[0x400+3K]",
    "@1 @2 dma b copy 0x200000+4K to 0x400000 => done seq 3 from p1 nowhere",
    "@1 @2 dma b copy 0x200000+4K to 0x400000 => done seq 3 from p1 lands p2",
    "@1 @2 view b => sees nothing",
    R"(@1 @2 require feature map-file => unmet "this rig lacks map-file")",
    R"(@1 @2 hwpt h one a => broken "a \"quoted\" \\ \x0a reason")",
    "device a 0000:00:08.0 1234:11e8 group 2 engine edu",
    "device - 10000:00:1f.7 0000:ffff group 4294967295 engine - alias 0000:02:00.0",
    "staging 0x70000000+1M",
    "reserved 2 0xfee00000+1M",
    R"(rig "edu-pair-vtd")",
    R"(kernel "6.12.43")",
    R"(iommu "vtd")",
    R"(feature "map-file")",
    R"(landfall "1")",
    "end 12",
    "@5 ! fault 0000:00:08.1 write 0x300000 reason 0x5",
    "@5 ! fault 0000:00:08.1 read 0x300000",
    "@5 ! fault 0000:00:08.1 access 0x300000",
    R"(@5 ! kernel "WARNING: CPU: 0 PID: 1")",
    "@5 ! stray p1[0x10+8]",
    "@5 ! stray guest",
    "@5 ! stray guest[0x10+8]",
    R"(@5 ! stray guest 0x1234000+4K seq 7 "page table")",
    R"(@5 ! lab "the guest's channel closed")",
    "@5 @9 ! dma b write 0x200000+4K => done seq 9 lands p1",
    "@5 @9 ! dma b write 0x200000+4K times 200 => done seq 9 lands p1",
};

TEST(Line, CanonicalTextPrintsByteIdentical) {
    for (const std::string text : kCanonical) EXPECT_EQ(print(parsed(text)), text);
}

TEST(Line, SloppyTextHasOneCanonicalForm) {
    EXPECT_EQ(print(parsed("\tmap  one\t2097152  p1[0+4096]   rw =>  ok#x")),
              "map one 0x200000 p1[0x0+4K] rw => ok #x");
    EXPECT_EQ(print(parsed("@7 ioas one => ok")), "@7 @7 ioas one => ok");
    EXPECT_EQ(print(parsed("@7 @7 ! stray p1")), "@7 ! stray p1");
    EXPECT_EQ(print(parsed("#")), "");
    EXPECT_EQ(print(parsed("device a 08:00.1 1AF4:10C9 group 0x2 engine igb")),
              "device a 0000:08:00.1 1af4:10c9 group 2 engine igb");
}

TEST(Line, AnExpectationStandsBeforeTheOutcome) {
    const auto scenario = parsed("detach a => EINVAL");
    EXPECT_TRUE(scenario.expected);
    EXPECT_FALSE(scenario.observed);
    const auto ran = parsed("@1 @2 detach a => EINVAL");
    EXPECT_FALSE(ran.expected);
    EXPECT_TRUE(ran.observed);
    const auto both = parsed("@1 @2 detach a => EINVAL => ok");
    EXPECT_EQ(print(*both.expected), "EINVAL");
    EXPECT_EQ(print(*both.observed), "ok");
}

TEST(Line, StrippedOfItsRunItIsTheScenarioAgain) {
    EXPECT_EQ(print(as_scenario(parsed("@1 @2 detach a => EINVAL => ok # why"))), "detach a => EINVAL # why");
    EXPECT_EQ(print(as_scenario(parsed("@1 @2 detach a => ok"))), "detach a");
    EXPECT_EQ(print(as_scenario(parsed("@1 ! stray p1"))), "");
    EXPECT_EQ(print(as_scenario(parsed("rig \"x\""))), "");
    EXPECT_FALSE(in_scenario(parsed("@1 ! stray p1")));
    EXPECT_TRUE(in_scenario(parsed("@1 ! stray p1 # look here")));
    EXPECT_TRUE(in_scenario(parsed("")));
}

struct Mistake {
    const char* text;
    unsigned column;
    const char* found;
    const char* expected;  ///< part of it
};

constexpr Mistake kMistakes[] = {
    {"atach a one", 1, "atach", "require, buffer, ioas, hwpt, map"},
    {"  map one", 10, "end of line", "IOVA"},
    {"map one 0x1g p1 rw", 9, "0x1g", "an IOVA such as 0x200000"},
    {"map one 0x10000000000000000 p1 rw", 9, "0x10000000000000000", "an IOVA"},
    {"map one -1 p1 rw", 9, "-1", "an IOVA"},
    {"map one 0x0 p1[0+] rw", 13, "p1[0+]", "p1[0x800+2K]"},
    {"map one 0x0 p1 x", 16, "x", "r, w or rw"},
    {"map one 0x0 p1 rw now", 19, "now", "end of the line"},
    {"buffer p1 0", 11, "0", "8 bytes to 1G"},
    {"buffer p1 2G", 11, "2G", "8 bytes to 1G"},
    {"buffer p1 4097", 11, "4097", "a multiple of 8"},
    {"buffer p1 99999999999999999999", 11, "99999999999999999999", "a size"},
    {"buffer p1 4K skew 4096", 19, "4096", "a skew of 8 to 4088"},
    {"buffer p1 4K large", 14, "large", "huge, scattered, memfd, ro, ro[OFFSET+LENGTH], skew N"},
    {"buffer p1 8K ro[0x1000+8K]", 14, "ro[0x1000+8K]", "whole pages of the buffer"},
    {"buffer p1 8K ro[0x800+4K]", 14, "ro[0x800+4K]", "whole pages of the buffer"},
    {"buffer p1 4M huge ro[0x1000+4K]", 19, "ro[0x1000+4K]", "whole pages of the buffer"},
    {"buffer p1 4M ro[0x1000+4K] huge", 28, "huge", "whole pages of the buffer"},
    {"buffer p1 8K ro[4K]", 14, "ro[4K]", "p1[0x800+2K]"},
    {"buffer p1 8K ro[0x1000+4K] skew 8", 33, "8", "no skew"},
    {"buffer p1 8K skew 8 ro[0x1000+4K]", 21, "ro[0x1000+4K]", "no skew"},
    {"buffer 1p 4K", 8, "1p", "a buffer name"},
    {"unmap one 0x1000", 11, "0x1000", "an IOVA range"},
    {"unmap one 0x1000+0", 11, "0x1000+0", "not empty"},
    {"unmap one 0xfffffffffffff000+8K", 11, "0xfffffffffffff000+8K", "not past 2^64"},
    {"require same-group a", 21, "end of line", "a device name"},
    {"require fast-machine", 9, "fast-machine", "same-group, different-groups, engine or feature"},
    {"option one huge-pages maybe", 23, "maybe", "on or off"},
    {"dma a write 0x200000+4K => lands p1 => ok", 37, "=>", "no further outcome"},
    {"dma a send 0x200000+4K", 7, "send", "write, read or copy"},
    {"dma a write 0x200004+4K", 13, "0x200004+4K", "whole 8-byte words"},
    {"dma a write 0x200000+4", 13, "0x200000+4", "whole 8-byte words"},
    {"dma a write 0x200000+32M", 13, "0x200000+32M", "at most 16M"},
    {"dma a copy 0x200000+4K 0x300000", 24, "0x300000", "'to'"},
    {"dma a copy 0x200000+4K to 0x300001", 27, "0x300001", "a multiple of 8"},
    {"dma a copy 0x200000+4K to 0xfffffffffffff008", 27, "0xfffffffffffff008", "does not pass 2^64"},
    {"dma a write 0x200000+4K by 1K", 25, "by", "end of the line"},
    {"pump a write 0x200000+4K by 3K", 29, "3K", "divides the 4096 of the range"},
    {"pump a write 0x200000+4K by 0", 29, "0", "a multiple of 8 bytes"},
    {"pump a write 0x200000+4K by 1K deep 5", 37, "5", "1 to 4, as many as there are pieces"},
    {"pump a write 0x200000+4K deep 2", 26, "deep", "end of the line"},
    {"pump a write 0x200000+4K every 0ms", 32, "0ms", "a duration that is not 0"},
    {"dma a write 0x200000+4K => landed p1", 28, "landed", "ok, an errno such as EINVAL, lands"},
    {"dma a write 0x200000+4K => lands", 33, "end of line", "a buffer"},
    {"dma a write 0x200000+4K => lands nowhere+4K", 34, "nowhere+4K", "'nowhere' alone"},
    {"dma a write 0x200000+4K => lands p1 nowhere+0", 37, "nowhere+0", "nowhere+N"},
    {"dma a write 0x200000+4K =>", 27, "end of line", "ok, an errno"},
    {"detach a => EBOGUS", 13, "EBOGUS", "an errno such as EINVAL"},
    {"unmap one all => ok 0x1000 0x2000", 28, "0x2000", "a range"},
    {"lane 0: detach a", 6, "0:", "a lane from 1 to 16"},
    {"lane 17: detach a", 6, "17:", "a lane from 1 to 16"},
    {"lane 1 detach a", 6, "1", "a lane's number and a colon"},
    {"lane 1: end 4", 9, "end", "require, buffer"},
    {"lane 1:", 8, "end of line", "a step"},
    {"sleep 2m", 7, "2m", "a duration such as 10ms"},
    {"sleep 61s", 7, "61s", "at most 60s"},
    {"=> ok", 1, "=>", "a step"},
    {"@1 @2", 6, "end of line", "a step"},
    {"@x @2 detach a => ok", 1, "@x", "a time"},
    {"@2 @1 detach a => ok", 4, "@1", "not before its beginning"},
    {"@1 @2 detach a", 15, "end of line", "the outcome of a step that ran"},
    {"! stray p1", 1, "!", "a time in front of an event"},
    {"@1 ! explosion", 6, "explosion", "fault, kernel, stray, dma or lab"},
    {"@1 ! stray p1 => ok", 15, "=>", "no outcome here"},
    {"@1 ! stray guest p1", 18, "p1", "an IOVA range"},
    {"@1 ! stray guest 0x1000+64 \"slab\"", 28, "\"slab\"", "'seq'"},
    {"@1 ! stray guest 0x1000+64 seq 7", 33, "end of line", "a quoted text"},
    {"witness all", 9, "all", "end of the line"},
    {"@1 ! dma a write 0x0+64", 24, "end of line", "the outcome"},
    {"@1 ! dma a write 0x0+64 times 1 => done", 31, "1", "2 to 1000000000"},
    {"@1 ! dma a write 0x0+64 times 1000000001 => done", 31, "1000000001", "2 to 1000000000"},
    {"@1 ! dma a write 0x0+64 times => done", 31, "=>", "how many DMAs"},
    {"rig edu-pair", 5, "edu-pair", "a text in double quotes"},
    {"rig \"edu", 5, "\"edu", "a text in double quotes"},
    {"rig \"x\" => ok", 9, "=>", "no outcome here"},
    {"device a 00:08.9 1234:11e8 group 1 engine edu", 10, "00:08.9", "a PCI address"},
    {"device a 00:08.0 123411e8 group 1 engine edu", 18, "123411e8", "a PCI id"},
    {"device a 00:08.0 1234:11e8 group 4294967296 engine edu", 34, "4294967296", "an iommu_group number"},
};

TEST(Line, MistakesAreNamedWhereTheyAre) {
    for (const auto& m : kMistakes) {
        const auto e = error_of(m.text);
        EXPECT_EQ(e.where().file, "f.scn");
        EXPECT_EQ(e.where().line, 3U);
        EXPECT_EQ(e.where().column, m.column) << m.text << "\n" << e.what();
        EXPECT_EQ(e.found(), m.found) << m.text;
        EXPECT_NE(e.expected().find(m.expected), std::string::npos) << m.text << "\n" << e.what();
    }
}

TEST(Line, TheMessageHoldsPlaceFoundAndExpected) {
    EXPECT_STREQ(error_of("sleep 2m").what(),
                 "f.scn:3:7: found '2m', expected a duration such as 10ms, 250us or 1s, at most 60s");
}

TEST(Line, AMessageStaysPrintableWhateverStoodThere) {
    EXPECT_EQ(error_of("\x1b[2J\xff\xc3 one").found(), "\\x1b[2J\\xff\\xc3");
    EXPECT_LT(error_of("ioas " + std::string(60'000, 'x')).found().size(), 100U);
}

// Every prefix of a valid line is a valid line or an error with a place: never a crash, never something else.
TEST(Line, TruncatedAnywhereItIsReadOrRefused) {
    for (const std::string text : kCanonical) {
        for (std::size_t n = 0; n < text.size(); ++n) {
            try {
                const auto line = parsed(text.substr(0, n));
                EXPECT_EQ(parsed(print(line)), line) << text.substr(0, n);
            } catch (const TextError& e) {
                EXPECT_LE(e.where().column, n + 1) << text.substr(0, n);
            }
        }
    }
}

}  // namespace
}  // namespace landfall
