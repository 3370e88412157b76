#include "landfall/validate.hpp"

#include <gtest/gtest.h>

namespace landfall {
namespace {

const std::string kHead =
    "buffer p1 4K\nbuffer f1 8K memfd\nioas one\nioas two\nhwpt h1 one a\nattach a one\nattach b one\n";
constexpr unsigned kHeadLines = 7;

struct Mistake {
    const char* text;
    unsigned line, column;  ///< line counted behind the head
    const char* found;
    const char* expected;  ///< part of it
};

constexpr Mistake kMistakes[] = {
    // names
    {"buffer p1 8K\n", 1, 8, "p1", "a name that is not in use yet"},
    {"ioas p1\n", 1, 6, "p1", "not in use yet"},
    {"hwpt one two a\n", 1, 6, "one", "not in use yet"},
    {"ioas a\n", 1, 6, "a", "not in use yet"},
    {"buffer lands 4K\n", 1, 8, "lands", "no word of an outcome"},
    {"ioas nothing\n", 1, 6, "nothing", "no word of an outcome"},
    {"buffer beacon.one 4K\n", 1, 8, "beacon.one", "a name without '.'"},
    {"map three 0x0 p1 rw\n", 1, 5, "three", "an IOAS declared on an earlier line"},
    {"map one 0x0 p9 rw\nbuffer p9 4K\n", 1, 13, "p9", "a buffer declared on an earlier line"},
    {"hwpt h2 three a\n", 1, 9, "three", "an IOAS declared"},
    {"attach a three\n", 1, 10, "three", "an IOAS or HWPT declared"},
    {"destroy three\n", 1, 9, "three", "an IOAS or HWPT declared"},
    // lanes
    {"lane 1: ioas x\nlane 2: map x 0x0 p1 rw\n", 2, 13, "x", "that this lane made, or that was there before"},
    {"lane 1: dma a write 0x0+64\nlane 2: dma a read 0x0+64\n", 2, 13, "a", "whose DMA lane 1 leaves alone"},
    {"lane 1: require same-group a b\n", 1, 9, "require", "in front of the lanes"},
    {"lane 1: witness\n", 1, 9, "witness", "behind the lanes"},
    // kinds
    {"map h1 0x0 p1 rw\n", 1, 5, "h1", "an IOAS"},
    {"map one 0x0 two rw\n", 1, 13, "two", "a buffer"},
    {"attach a p1\n", 1, 10, "p1", "an IOAS or HWPT"},
    {"attach one a\n", 1, 8, "one", "a device"},
    {"destroy p1\n", 1, 9, "p1", "an IOAS or HWPT"},
    {"ranges h1\n", 1, 8, "h1", "an IOAS"},
    {"unmap h1 all\n", 1, 7, "h1", "an IOAS"},
    {"allow p1\n", 1, 7, "p1", "an IOAS"},
    {"option h1 huge-pages off\n", 1, 8, "h1", "an IOAS"},
    {"ioas-copy two auto h1 0x0+4K rw\n", 1, 20, "h1", "an IOAS"},
    {"map-file one 0x0 p1 rw\n", 1, 18, "p1", "declared with memfd"},
    // slices
    {"map one 0x0 p1[0x0+8K] rw\n", 1, 13, "p1", "a slice inside its 4096 bytes, not p1[0x0+8K]"},
    {"map one 0x0 p1[4096+8] rw\n", 1, 13, "p1", "a slice inside"},
    {"map one 0x0 p1[0xffffffffffffffff+1] rw\n", 1, 13, "p1", "a slice inside"},
    // one DMA of a device at a time
    {"wait a\n", 1, 6, "a", "a device with a DMA started"},
    {"halt a\n", 1, 6, "a", "a device that a pump runs on"},
    {"start a write 0x0+64\nhalt a\n", 2, 6, "a", "a device that a pump runs on"},
    {"pump a write 0x0+64\nwait a\n", 2, 6, "a", "a device with a DMA started"},
    {"start a write 0x0+64\nwait a\nwait a\n", 3, 6, "a", "a device with a DMA started"},
    {"start a write 0x0+64\ndma a write 0x0+64\nwait a\n", 2, 5, "a", "without the DMA that line 8 left running"},
    {"start a write 0x0+64\nstart a write 0x0+64\n", 2, 7, "a", "without the DMA that line 8 left running"},
    {"pump a write 0x0+64\nview a\nhalt a\n", 2, 6, "a", "without the DMA that line 8 left running"},
    {"start a write 0x0+64\nclose a\nwait a\n", 2, 7, "a", "without the DMA that line 8 left running"},
    {"pump a write 0x0+64\nreset a\nhalt a\n", 2, 7, "a", "without the DMA that line 8 left running"},
    {"start a write 0x0+64\n", 1, 0, "a", "a wait for this start"},
    {"pump a write 0x0+64\n", 1, 0, "a", "a halt for this pump"},
    // expectations
    {"attach a one => lands p1\n", 1, 17, "lands p1", "ok or an errno"},
    {"attach a one => ok 0x1000\n", 1, 17, "ok 0x1000", "no value"},
    {"map one 0x0 p1 rw => ok 0x0\n", 1, 22, "ok 0x0", "no value"},
    {"unmap one all => ok 0x0+4K\n", 1, 18, "ok 0x0+4K", "no ranges"},
    {"attach a one =>  unmet \"x\"\n", 1, 18, "unmet \"x\"", "ok or an errno"},
    {"attach a one => broken \"x\"\n", 1, 17, "broken \"x\"", "ok or an errno"},
    {"attach a one => sees one\n", 1, 17, "sees one", "ok or an errno"},
    {"dma a write 0x0+64 => ok\n", 1, 23, "ok", "lands, nowhere, from or nothing"},
    {"dma a write 0x0+64 => EFAULT\n", 1, 23, "EFAULT", "lands, nowhere, from or nothing"},
    {"dma a write 0x0+64 => from p1\n", 1, 23, "from p1", "lands or nowhere behind a write"},
    {"dma a read 0x0+64 => lands p1\n", 1, 22, "lands p1", "from or nothing behind a read"},
    {"start a read 0x0+64\nwait a => lands p1\n", 2, 11, "lands p1", "from or nothing behind a read"},
    {"dma a write 0x0+64 => lands p9\n", 1, 29, "p9", "a buffer declared on an earlier line"},
    {"dma a write 0x0+64 => lands one\n", 1, 29, "one", "a buffer"},
    {"dma a write 0x0+64 => lands p1[0xfff+64]\n", 1, 29, "p1", "a slice inside"},
    {"dma a write 0x0+64 => lands p1[0x0+32]\n", 1, 23, "lands p1[0x0+32]", "pieces of 64 bytes together"},
    {"dma a write 0x0+64 => lands p1[0x0+32] nowhere+64\n", 1, 23, "lands p1[0x0+32] nowhere+64", "64 bytes together"},
    {"view a => ok\n", 1, 11, "ok", "sees NAME or sees nothing"},
    {"view a => sees p1\n", 1, 16, "p1", "an IOAS"},
    {"view a => sees h1\n", 1, 16, "h1", "an IOAS"},
    {"view a => sees three\n", 1, 16, "three", "an IOAS declared"},
    {"sleep 1ms => nowhere\n", 1, 14, "nowhere", "ok or an errno"},
};

TEST(Validator, MistakesAreNamedWhereTheyAre) {
    for (const auto& m : kMistakes) {
        try {
            (void)Scenario::parse(kHead + m.text, "f.scn");
            ADD_FAILURE() << "accepted: " << m.text;
        } catch (const TextError& e) {
            EXPECT_EQ(e.where().line, kHeadLines + m.line) << m.text << e.what();
            EXPECT_EQ(e.where().column, m.column) << m.text << e.what();
            EXPECT_EQ(e.found(), m.found) << m.text;
            EXPECT_NE(e.expected().find(m.expected), std::string::npos) << m.text << e.what();
        }
    }
}

TEST(Validator, AcceptsWhatIsRight) {
    for (const auto* text : {
             "map one 0x0 p1 rw => ok\n",
             "map one 0x0 p1[0xff8+8] rw => EINVAL\n",
             "map one auto p1 rw => ok 0x1000\n",
             "ioas-copy two auto one 0x0+4K rw => ok 0x1000\n",
             "map-file one 0x0 f1[4096+4K] rw\n",
             "unmap one all => ok 0x2000\n",
             "ranges one => ok 0x0+4K 0x2000+4K\n",
             "destroy one => EBUSY\ndestroy one => ok\nattach a one => ENOENT\n",
             "start a write 0x0+64\nstart b write 0x0+64\nwait b => lands p1\nwait a => nowhere\n",
             "start a write 0x0+64\nreset a\nwait a\n",
             "pump a write 0x0+64\nreplace a two\ndma b write 0x0+64\nhalt a => ok\n",
             "dma a write 0x0+64 => lands p1[0x0+32] nowhere+32\n",
             "dma a write 0x0+64 => timeout nowhere\n",
             "dma a copy 0x0+64 to 0x1000 => from p1 lands f1[0x1000+64]\n",
             "view a => sees one\nview b => sees nothing\n",
             "lane 1: replace a two\nlane 2: replace a one\nlane 3: dma a write 0x0+64\n",
             "lane 1: ioas x\nlane 1: map x 0x0 p1 rw\nsleep 0ms\nlane 2: map x 0x1000 p1 rw\n",
         })
        EXPECT_NO_THROW((void)Scenario::parse(kHead + text, "f.scn")) << text;
}

TEST(Validator, TellsThePlaceWithoutTheTextOfTheLine) {
    Validator v("f.scn");
    auto line = parse_line("map one 0x0 p1 rw", "f.scn", 4);
    try {
        v.step(line, {});
        FAIL();
    } catch (const TextError& e) {
        EXPECT_EQ(e.where().line, 4U);
        EXPECT_EQ(e.where().column, 0U);
        EXPECT_EQ(e.found(), "one");
    }
}

TEST(DevicesOf, EveryStepThatNamesOne) {
    const auto s = Scenario::parse(
        "require same-group a b\nrequire engine c edu\nrequire feature map-file\nioas one\nhwpt h one d\nattach e one\n"
        "detach f\nopen g\ndma h1 write 0x0+64\nstart i write 0x0+64\nwait i\npump j write 0x0+64\nhalt j\nview k\n");
    EXPECT_EQ(s.devices(), (std::vector<std::string>{"a", "b", "c", "d", "e", "f", "g", "h1", "i", "j", "k"}));
}

}  // namespace
}  // namespace landfall
