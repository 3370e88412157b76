// The model `iommufd` at work: what one step does to the next. The errno tables are in model_tables_test.cpp.
#include <fmt/format.h>

#include "landfall/error.hpp"
#include "landfall/model_fixture_test.hpp"

namespace landfall {
namespace {

using testing::HasSubstr;

TEST_F(ModelTest, AGroupMovesAsAWhole) {
    run("ioas one\nioas two\nattach a one");
    EXPECT_EQ(count<GroupMoved>(), 1U);
    run("attach b one");
    EXPECT_EQ(count<GroupMoved>(), 0U) << "bookkeeping only";
    run("replace a two");
    EXPECT_EQ(count<GroupMoved>(), 1U);
    run("replace b two");
    EXPECT_EQ(count<GroupMoved>(), 0U) << "a NOP: the group is there";
    run("detach a");
    EXPECT_EQ(count<GroupMoved>(), 0U) << "b is still attached";
    run("detach b");
    EXPECT_EQ(count<GroupMoved>(), 1U) << "the last one leaves the group blocked";
}

TEST_F(ModelTest, ASecondMemberJoinsOnlyWhereTheGroupIs) {
    run("ioas one\nioas two\nhwpt h one a\nattach a h\nattach b two => EINVAL\nattach b one => "
        "EINVAL\nattach b h\n"
        "replace b two\nattach c h");
}

TEST_F(ModelTest, AttachOfAnAttachedMemberIsAReplaceWhateverItIsCalled) {
    run("ioas one\nioas two\nreplace a one\nattach b one\nattach a two\ndetach a\ndetach a\nattach a one => "
        "EINVAL");
}

TEST_F(ModelTest, ObjectsInUseAreNotDestroyed) {
    run("ioas one\nioas two\nhwpt h one a\ndestroy one => EBUSY\nattach a h\nattach b h\nattach c h\n"
        "destroy h => EBUSY\nreplace a two\ndestroy h => EBUSY\ndetach c\ndestroy h\ndestroy one\n"
        "destroy one => ENOENT\nattach a one => ENOENT\nattach c h => ENOENT\nhwpt g one a => EINVAL");
}

TEST_F(ModelTest, AnAutomaticPageTableGoesWithItsLastUser) {
    run("ioas one\nattach a one\nattach c one\ndestroy one => EBUSY\ndetach a\ndestroy one => EBUSY\ndetach "
        "c\n"
        "destroy one");
}

TEST_F(ModelTest, MapRefusesWhatOverlapsOrIsReserved) {
    run("buffer p 8K\nioas one\nmap one 0x200000 p rw\nmap one 0x201000 p rw => EEXIST\nmap one 0x1ff000 p r "
        "=> EEXIST\n"
        "map one 0x202000 p rw\nmap one 0x70000000 p rw => EEXIST\nmap one 0xfee00000 p rw");
    run("unmap one 0xfee00000+8K\nattach a one\nmap one 0xfee00000 p rw => EINVAL\nmap one 0xfedff000 p rw "
        "=> EINVAL\n"
        "detach a\nmap one 0xfee00000 p rw\nattach a one => EADDRINUSE");
}

TEST_F(ModelTest, AlignmentMattersOnceThereIsAPageTable) {
    run("buffer p 8K\nbuffer s 8K skew 512\nioas one\nmap one 0x200100 p[0x0+512] rw\nattach a one => "
        "EADDRINUSE\n"
        "unmap one 0x200100+512\nattach a one\nmap one 0x200100 p rw => EINVAL\nmap one 0x200000 p[0x0+512] "
        "rw => EINVAL\n"
        "map one 0x200000 s[0x0+4K] rw => EINVAL\nmap one 0x200000 s[0xe00+4K] rw\nmap one auto s[0x0+4K] rw "
        "=> EINVAL");
}

TEST_F(ModelTest, HugePagesOffAskForPagesToo) {
    run("buffer p 8K\nioas one bare\noption one huge-pages off\nmap one 0x200100 p rw => EINVAL\n"
        "option one huge-pages on\nmap one 0x200100 p[0x0+512] rw\noption one huge-pages off => EADDRINUSE\n"
        "ioas two\nattach a two\noption two huge-pages off => EINVAL\noption two huge-pages on");
}

TEST_F(ModelTest, ReadOnlyMemoryIsRefusedWhenItIsPinned) {
    run("buffer q 4K ro\nioas one\nmap one 0x200000 q rw\nattach a one => EFAULT\nhwpt h one a => EFAULT\n"
        "unmap one 0x200000+4K\nmap one 0x200000 q r\nattach a one\nmap one 0x300000 q rw => EFAULT\nmap one "
        "0x300000 q r");
}

TEST_F(ModelTest, UnmapTakesWholeAreasOnly) {
    run("buffer p 4K\nbuffer q 8K\nioas one bare\nmap one 0x200000 p rw\nmap one 0x201000 q rw\n"
        "unmap one 0x202000+4K => ENOENT\nunmap one 0x400000+4K => ENOENT\nunmap one 0x200000+8K => ENOENT");
    EXPECT_EQ(count<AreaUnmapped>(), 1U) << "the area before the cut is gone (K4)";
    run("unmap one 0x200000+4K => ENOENT\nunmap one 0x100000+4M => ok 0x2000\nunmap one all => ok 0x0");
}

TEST_F(ModelTest, UnmapAllTakesTheStagingWindowToo) {
    run("buffer p 4K\nioas one\nmap one 0x200000 p rw\nunmap one all => ok 0x101000\nmap one 0x70000000 p "
        "rw");
}

TEST_F(ModelTest, CopiesKeepThePagesAndTheirLimits) {
    run("buffer p 8K\nioas one\nioas two\nmap one 0x200000 p r\nioas-copy two 0x400000 one 0x201000+4K rw => "
        "EPERM\n"
        "ioas-copy two 0x400000 one 0x201000+4K r\nioas-copy two 0x400000 one 0x200000+4K r => EEXIST\n"
        "ioas-copy two 0x500000 one 0x200000+12K r => ENOENT");
    run("ioas-copy two 0x600000 one 0x201000+4K r");
    ASSERT_EQ(count<AreaMapped>(), 1U);
    EXPECT_EQ(std::get<AreaMapped>(changes[0]).area.memory.address, 0x1000U)
        << "the slice does not start at 0";
}

TEST_F(ModelTest, TheKernelsChoiceOfAnIovaIsBound) {
    run("buffer p 4K\nioas one\nmap one 0x200000 p rw\nattach a one\nmap one auto p rw => ok 0x1000\n"
        "allow one 0x10000000+1M");
    EXPECT_EQ(object("map one auto p rw => ok 0x10000000"), "");
    EXPECT_THAT(object("map one auto p rw => ok 0x3000"), HasSubstr("outside the ranges"));
    EXPECT_THAT(object("attach a one => ok 0x7"), HasSubstr("object 7, which is not the page table"));
    EXPECT_EQ(object("attach a one => ok"), "");
    EXPECT_THAT(object("ranges one => ok 0x0+0xfee00000 0xfeefffff+4097"), HasSubstr("is not whole pages"));
    run("allow one");
    EXPECT_THAT(object("map one auto p rw => ok 0x200000"), HasSubstr("overlaps the mapping"));
    EXPECT_THAT(object("map one auto p rw => ok 0xfee01000"), HasSubstr("reserved"));
    EXPECT_THAT(object("map one auto p rw => ok 0x1100"), HasSubstr("aligned"));
}

// Where the room is tight, the kernel may find none before it looks at anything else.
TEST_F(ModelTest, NoRoomMayBeFoundFirst) {
    run("buffer p 8K\nioas one\nmap one 0x200000 p r\nallow one 0x10001000+8K\n"
        "ioas-copy one auto one 0x200000+8K rw => EPERM\nioas-copy one auto one 0x200000+8K rw => ENOSPC");
}

// Where it fits at the largest alignment there may be, there is room, to the last page of it.
TEST_F(ModelTest, RoomIsRoom) {
    const auto may_find_none = [this](const char* buffer) {
        const auto line = parse_line(std::string("map one auto ") + buffer + " rw", "<test>", 1);
        return model->predict(*line.step()).allows({Errno{ENOSPC}, {}, {}});
    };
    run("buffer p 8K\nbuffer q 4K\nioas one\nallow one 0x10000000+12K");
    EXPECT_FALSE(may_find_none("p"));
    run("map one 0x10000000 p rw");
    EXPECT_FALSE(may_find_none("q"));
    run("map one auto q rw => ok 0x10002000\nallow one 0x20001000+8K");
    EXPECT_TRUE(may_find_none("p")) << "8 KiB may have to be aligned";
    run("map one auto p rw => ok 0x20001000");
}

TEST_F(ModelTest, NoRoomIsNoRoom) {
    run("buffer p 8K\nioas one\nallow one 0x10000000+8K\nmap one 0x10000000 p rw\nmap one auto p rw => "
        "ENOSPC");
}

TEST_F(ModelTest, AllowedRangesCannotBeReserved) {
    run("ioas one\nallow one 0xfee00000+4K\nattach a one => EADDRINUSE\nallow one\nattach a one\n"
        "allow one 0xfee00000+4K => EADDRINUSE\nallow one 0x1000+4K 0x1800+4K => EINVAL\nallow one 0x1000+1 "
        "=> EINVAL");
}

TEST_F(ModelTest, RangesAreTheHolesOfWhatIsReserved) {
    run("ioas one\nranges one => ok 0x0+0xfffffffffffff000\nattach a one");
    EXPECT_EQ(object("ranges one => ok 0x0+0xfee00000 0xfef00000+0x7f01100000"), "");
    EXPECT_EQ(object("ranges one => ok 0x0+0xfee00000 0xfef00000+0xffff01100000"), "") << "another aperture";
    EXPECT_THAT(object("ranges one => ok 0x0+0x8000000000"), HasSubstr("they should be"));
    EXPECT_THAT(object("ranges one => ok 0x0+0x10000000"), HasSubstr("a mapping lies outside"));
    run("detach a");
    EXPECT_EQ(object("ranges one => ok 0x0+0xfffffffffffff000"), "");
}

TEST_F(ModelTest, FailedReplaceChangesNothing) {
    run("buffer p 4K\nioas one\nioas two\nmap two 0xfee00000 p rw\nattach a one\nattach b one\nreplace a two "
        "=> EADDRINUSE\n"
        "destroy two\nmap one 0xfee00000 p rw => EINVAL");
}

TEST_F(ModelTest, ReservedRangesFollowEveryMember) {
    run("buffer p 4K\nioas one\nioas two\nattach a one\nattach b one\nreplace a two\nmap one 0xfee00000 p "
        "rw\n"
        "detach a\nmap two 0xfee00000 p rw => EINVAL\ndetach b\nmap two 0xfee00000 p rw");
}

TEST_F(ModelTest, ClosedDevicesAnswerWithAnError) {
    run("ioas one\nattach a one\nopen a => EINVAL\nclose a");
    EXPECT_EQ(count<GroupMoved>(), 1U);
    EXPECT_EQ(count<DeviceGated>(), 1U);
    run("attach a one => EBADF\ndetach a => EBADF\nclose a => EBADF\nhwpt h one a => ENOENT\nopen a\nattach "
        "a one");
}

TEST_F(ModelTest, MapFileIsAsNewAsTheKernel) {
    run("buffer m 4K memfd\nioas one\nmap-file one 0x200000 m rw");
    rig("kernel \"6.12.43\"\nstaging 0x70000000+1M\n");
    run("buffer m 4K memfd\nioas one\nmap-file one 0x200000 m rw => ENOTTY");
}

TEST_F(ModelTest, SomePageTablesComeWithADeviceOnly) {
    const auto virtio = [](const char* kernel) {
        return fmt::format("{}iommu \"virtio\"\nkernel \"{}\"\n", kRig, kernel);
    };
    rig(virtio("6.12.95"));
    run("ioas one\nioas two\nhwpt h one a => EADDRINUSE\nattach a one\nattach b one\nreplace a two => EADDRINUSE\n"
        "view b # b:one\nattach c two\nreplace a two\nview b # b:two");
    rig(virtio("7.3.4"));
    run("ioas one\nioas two\nhwpt h one a\nattach a one\nreplace a two");
    rig(fmt::format("{}iommu \"vtd\"\nkernel \"6.12.95\"\n", kRig));
    run("ioas one\nioas two\nhwpt h one a\nattach a one\nreplace a two");
}

TEST_F(ModelTest, HighAddressesDependOnTheAperture) {
    run("buffer p 4K\nioas one\nattach a one\nmap one 0x1000000000000 p rw => EINVAL");
    run("ioas two\nmap two 0x1000000000000 p rw\nattach c two => EADDRINUSE");
}

TEST_F(ModelTest, FollowsTheKernelWhereItIsWrong) {
    run("buffer p 4K\nioas one\nioas two\nattach a one");
    const auto wrong = parse_line("attach b two", "<test>", 1);
    EXPECT_FALSE(model->predict(*wrong.step()).allows({}));
    EXPECT_EQ(model->apply(*wrong.step(), {}).size(), 1U) << "it said ok, so the group is taken to be on two";
    run("replace a two\ndestroy one");
}

TEST_F(ModelTest, ACloneGoesItsOwnWay) {
    run("buffer p 4K\nioas one\nioas two\nhwpt h one a\nmap one 0x200000 p rw\nattach a h\nattach b h");
    const auto other = model->clone();
    EXPECT_TRUE(model->same_state(*other));
    run("replace a two");
    EXPECT_FALSE(model->same_state(*other));
    EXPECT_EQ(other->predict(*parse_line("destroy h", "<test>", 1).step()).allowed.front().value, EBUSY);
    run("replace b h");
    EXPECT_TRUE(model->same_state(*other)) << "the way there does not matter";
}

TEST(Models, UnknownOnesAreNamed) { EXPECT_THROW(static_cast<void>(make_model("psychic")), TextError); }

}  // namespace
}  // namespace landfall
