// What every model owes, row by row, with the place in the kernel (7.3.4, or 5.15 for containers) where it is
// written.
#include "landfall/model_fixture_test.hpp"

namespace landfall {
namespace {

struct Row {
    const char *name, *source, *steps;
};

class Table : public ModelTest, public testing::WithParamInterface<Row> {};

std::string name_of_row(const testing::TestParamInfo<Row>& row) { return row.param.name; }

// ---- iommufd: attach, replace, detach ---------------------------------------------------------------------

class Iommufd : public Table {};
TEST_P(Iommufd, Row) {
    SCOPED_TRACE(GetParam().source);
    run(GetParam().steps);
}

constexpr Row kAttach[] = {
    {"FirstAttachMovesTheGroup", "drivers/iommu/iommufd/device.c:677-745",
     "ioas one\nattach a one # a:one b:one c:-"},
    {"FurtherMemberOnlyKeepsBooks", "drivers/iommu/iommufd/device.c:726-742",
     "ioas one\nattach a one\nattach b one # a:one b:one\ndetach a # b:one"},
    {"FurtherMemberElsewhereStays", "drivers/iommu/iommufd/device.c:715-718",
     "ioas one\nioas two\nattach a one\nattach b two => EINVAL # b:one\nreplace b two => EINVAL"},
    {"ManualHwptIsNotFoundByItsIoas", "drivers/iommu/iommufd/device.c:937",
     "ioas one\nhwpt h one a\nattach a h\nattach b one => EINVAL\nattach b h"},
    {"SecondHwptOfOneIoasIsElsewhere", "drivers/iommu/iommufd/device.c:715-718",
     "ioas one\nhwpt h one a\nhwpt g one a\nattach a h\nattach b g => EINVAL\nreplace a g # b:g"},
    {"AttachOfAnAttachedMemberIsReplace", "drivers/vfio/iommufd.c:155-174",
     "ioas one\nioas two\nattach a one\nattach a two # a:two b:two"},
    {"ReplaceMovesEverybody", "drivers/iommu/iommufd/device.c:856-921",
     "ioas one\nioas two\nattach a one\nattach b one\nreplace a two # a:two b:two a~two b~two\nreplace b one "
     "# a:one"},
    {"ReplaceToTheSameIsANop", "drivers/iommu/iommufd/device.c:887-890",
     "ioas one\nioas two\nattach a one\nattach b one\nreplace a two\nreplace b two # a:two b:two\n"
     "detach a\nreplace b two"},
    {"FailedReplaceChangesNothing", "drivers/iommu/iommufd/device.c:1110-1112",
     "buffer p 4K\nioas one\nioas two\nmap two 0xfee00000 p rw\nattach a one\nattach b one\n"
     "replace a two => EADDRINUSE # a:one\ndestroy two\nmap one 0xfee00000 p rw => EINVAL"},
    {"ReplaceWithinOneIoasNeedsNothingNew", "drivers/iommu/iommufd/device.c:837-849",
     "buffer p 4K\nioas one\nhwpt h one a\nattach a one\nreplace a h\nmap one 0xfee00000 p rw => EINVAL\n"
     "replace a one # a:one"},
    {"UnknownAndGoneObjects", "drivers/iommu/iommufd/device.c:1024-1052",
     "ioas one\nhwpt h one a\ndestroy h\ndestroy one\nattach a one => ENOENT\nattach a h => ENOENT"},
    {"DetachIsOkEvenWhenNotAttached", "drivers/vfio/iommufd.c:177-186",
     "detach a\nioas one\nattach a one\ndetach b # a:one"},
    {"DetachOfOneLeavesTheGroup", "drivers/iommu/iommufd/device.c:780-787",
     "ioas one\nattach a one\nattach b one\ndetach a # a:one b:one\ndetach b # a:- b:-"},
    {"ADetachedMemberHasToJoinAgain", "drivers/iommu/iommufd/device.c:715-718",
     "ioas one\nioas two\nattach a one\nattach b one\ndetach a\nattach a two => EINVAL\nattach a "
     "one\nreplace a two # b:two"},
    {"AllDetachedThenAttachedAnew", "drivers/iommu/iommufd/device.c:780-787",
     "ioas one\nioas two\nattach a one\nattach b one\ndetach a\ndetach b # b:-\nattach a two # b:two\nattach "
     "b two"},
    {"GroupsAreApart", "drivers/iommu/iommufd/device.c:872-918",
     "ioas one\nioas two\nattach a one\nattach c one\nreplace a two # a:two b:two c:one\ndetach c # a:two "
     "c:-"},
};
INSTANTIATE_TEST_SUITE_P(Attach, Iommufd, testing::ValuesIn(kAttach), name_of_row);

constexpr Row kObjects[] = {
    {"EveryAttachedDeviceHoldsItsHwpt", "drivers/iommu/iommufd/device.c:741, :914-917",
     "ioas one\nioas two\nhwpt h one a\nattach a h\nattach b h\nattach c h\ndestroy h => EBUSY\ndetach "
     "a\ndetach b\n"
     "destroy h => EBUSY\ndetach c\ndestroy h\ndestroy h => ENOENT"},
    {"AReplacedHwptIsFreeAtOnce", "drivers/iommu/iommufd/device.c:909-917",
     "ioas one\nioas two\nhwpt h one a\nattach a h\nattach b h\nreplace a two\ndestroy h"},
    {"AnAutomaticOneGoesWithItsLastUser", "drivers/iommu/iommufd/device.c:939-1015",
     "ioas one\nattach a one\nattach c one\ndetach a\ndestroy one => EBUSY\ndetach c\ndestroy one"},
    {"AManualOneStaysWithoutUsers", "drivers/iommu/iommufd/main.c:226-306",
     "ioas one\nhwpt h one a\nattach a h\ndetach a\ndestroy one => EBUSY\ndestroy h\ndestroy one"},
    {"UnknownParentIsEINVAL", "drivers/iommu/iommufd/hw_pagetable.c:361-373",
     "ioas one\ndestroy one\nhwpt h one a => EINVAL"},
    {"AllocationDoesNotAttach", "drivers/iommu/iommufd/hw_pagetable.c:108-111",
     "ioas one\nhwpt h one a # a:-"},
    {"AllocationPins", "drivers/iommu/iommufd/hw_pagetable.c:211, io_pagetable.c:1222-1298",
     "buffer q 4K ro\nioas one\nmap one 0x200000 q rw\nhwpt h one a => EFAULT\nattach a one => EFAULT # a:-\n"
     "unmap one 0x200000+4K\nhwpt h one a"},
    {"OnlyWhatIsMappedIsPinned", "drivers/iommu/iommufd/pages.c pfn_reader_user_pin()",
     "buffer q 12K ro[0x1000+4K]\nioas one\nmap one 0x200000 q rw\nattach a one => EFAULT # a:-\nioas two\nattach a two\n"
     "ioas-copy two 0x300000 one 0x202000+4K rw\nioas-copy two 0x400000 one 0x200000+8K rw => EFAULT\n"
     "map two 0x400000 q[0x0+4K] rw\nmap two 0x500000 q[0x0+8K] rw => EFAULT\nmap two 0x500000 q r"},
    {"AllocationNeedsWholePages", "drivers/iommu/iommufd/io_pagetable.c:1222-1298",
     "buffer p 4K\nioas one\nmap one 0x200100 p[0x0+512] rw\nhwpt h one a => EADDRINUSE"},
    {"TheApertureMayBeTooSmall", "drivers/iommu/iommufd/io_pagetable.c:1222-1298",
     "buffer p 4K\nioas one\nmap one 0x1000000000000 p rw\nhwpt h one a => EADDRINUSE\nhwpt h one a"},
    {"SoItMayForWhatIsAllowed", "drivers/iommu/iommufd/io_pagetable.c:950-969",
     "ioas one\nallow one 0x1000000000000+1M\nattach a one => EADDRINUSE\nattach a one"},
};
INSTANTIATE_TEST_SUITE_P(Objects, Iommufd, testing::ValuesIn(kObjects), name_of_row);

constexpr Row kMappings[] = {
    {"MapAligned", "drivers/iommu/iommufd/io_pagetable.c:183-204",
     "buffer p 8K\nioas one\nmap one 0x200100 p[0x0+512] rw\nunmap one 0x200100+512\nhwpt h one a\n"
     "map one 0x200100 p rw => EINVAL\nmap one 0x200000 p[0x0+512] rw => EINVAL"},
    {"MapWraps", "drivers/iommu/iommufd/ioas.c:244-281",
     "buffer p 8K\nioas one\nmap one 0xfffffffffffff000 p rw => EOVERFLOW"},
    {"MapReservedBeforeOverlap", "drivers/iommu/iommufd/io_pagetable.c:197-202",
     "buffer p 8K\nioas one\nmap one 0xfedff000 p[0x0+4K] rw\nattach a one\nmap one 0xfedff000 p rw => "
     "EINVAL\n"
     "map one 0xfedff000 p[0x0+4K] rw => EEXIST"},
    {"MapOfAGoneSpace", "include/uapi/linux/iommufd.h:21-35",
     "buffer p 8K\nioas one\ndestroy one\nmap one 0x200000 p rw => ENOENT\nunmap one all => ENOENT\nranges "
     "one => ENOENT\n"
     "allow one => ENOENT\noption one huge-pages off => ENOENT"},
    {"PagesArePinnedByTheFirstHwpt", "drivers/iommu/iommufd/pages.c:1919",
     "buffer q 4K ro\nioas one\nmap one 0x200000 q rw\nunmap one 0x200000+4K\nattach a one\nmap one 0x200000 "
     "q rw => EFAULT\n"
     "map one 0x200000 q r"},
    {"CopyOfReadOnlyPages", "drivers/iommu/iommufd/io_pagetable.c:216",
     "buffer p 8K\nioas one\nioas two\nmap one 0x200000 p r\nioas-copy two 0x200000 one 0x200000+8K rw => "
     "EPERM\n"
     "ioas-copy two 0x200000 one 0x200000+8K r\nmap one 0x300000 p rw\nioas-copy two 0x300000 one "
     "0x300000+8K r"},
    {"CopyOfASliceAndOfASpan", "drivers/iommu/iommufd/io_pagetable.c:703-742 (K3)",
     "buffer p 8K\nioas one\nioas two\nmap one 0x200000 p rw\nmap one 0x202000 p rw\n"
     "ioas-copy two 0x400000 one 0x201000+8K rw\nioas-copy two 0x500000 one 0x203000+8K rw => ENOENT\n"
     "unmap two 0x400000+8K => ok 0x2000"},
    {"CopyOfPiecesThatAreNoPages", "drivers/iommu/iommu.c (iommu_map: alignment), iommufd/pages.c",
     "buffer p 8K\nioas one\nioas two\nmap one 0x200000 p[0x0+64] rw\nmap one 0x200040 p[0x0+4K] rw\nattach a two\n"
     "ioas-copy two 0x400000 one 0x200000+4K rw => EINVAL"},
    {"AnOddOffsetComesBeforeNoRoom", "drivers/iommu/iommufd/io_pagetable.c:115-181",
     "buffer p 8K\nioas one\nallow one 0x1000+4K\nattach a one\nmap one auto p[0x40+4K] rw => EINVAL\n"
     "map one auto p rw => ENOSPC"},
    {"CopyOutlivesItsSource", "include/uapi/linux/iommufd.h:293-296",
     "buffer p 8K\nioas one\nioas two\nmap one 0x200000 p rw\nioas-copy two 0x200000 one 0x200000+8K rw\n"
     "unmap one 0x200000+8K\nunmap two 0x200000+8K => ok 0x2000"},
    {"CopyBetweenGoneSpaces", "drivers/iommu/iommufd/ioas.c:283-338",
     "buffer p 4K\nioas one\nioas two\nmap one 0x200000 p rw\ndestroy two\nioas-copy two 0x200000 one "
     "0x200000+4K r => ENOENT\n"
     "ioas-copy one 0x200000 two 0x200000+4K r => ENOENT"},
    {"UnmapSumsUpWholeAreas", "drivers/iommu/iommufd/io_pagetable.c:744-863",
     "buffer p 8K\nioas one bare\nmap one 0x200000 p rw\nmap one 0x202000 p rw\nunmap one 0x1ff000+64K => ok "
     "0x4000\n"
     "unmap one 0x200000+4K => ENOENT\nunmap one all => ok 0x0"},
    {"UnmapIsNotAtomic", "drivers/iommu/iommufd/io_pagetable.c:761-830 (K4)",
     "buffer p 8K\nioas one bare\nmap one 0x200000 p rw\nmap one 0x202000 p rw\nunmap one 0x200000+12K => "
     "ENOENT\n"
     "unmap one all => ok 0x2000"},
    {"UnmapThatCutsTheFirstTakesNothing", "drivers/iommu/iommufd/io_pagetable.c:778-781",
     "buffer p 8K\nioas one bare\nmap one 0x200000 p rw\nmap one 0x202000 p rw\nunmap one 0x201000+12K => "
     "ENOENT\n"
     "unmap one all => ok 0x4000"},
    {"HugePagesAreSettledBeforeUse", "drivers/iommu/iommufd/io_pagetable.c:1519-1543",
     "buffer p 4K\nioas one\noption one huge-pages off\noption one huge-pages on\nattach a one\n"
     "option one huge-pages off => EINVAL\nunmap one all\noption one huge-pages off"},
};
INSTANTIATE_TEST_SUITE_P(Mappings, Iommufd, testing::ValuesIn(kMappings), name_of_row);

constexpr Row kRanges[] = {
    {"AMembersOwnAttachReserves", "drivers/iommu/iommufd/device.c:726-732",
     "buffer p 4K\nioas one\nmap one 0xfee00000 p rw\nunmap one 0xfee00000+4K\nattach a one\n"
     "map one 0xfee00000 p rw => EINVAL\ndetach a\nmap one 0xfee00000 p rw"},
    {"ItFollowsEveryMember", "drivers/iommu/iommufd/device.c:823-849",
     "buffer p 4K\nioas one\nioas two\nattach a one\nattach b one\nreplace a two\nmap one 0xfee00000 p rw\n"
     "detach a\nmap two 0xfee00000 p rw => EINVAL\ndetach b\nmap two 0xfee00000 p rw"},
    {"AFurtherMemberReservesToo", "drivers/iommu/iommufd/device.c:720-724",
     "buffer p 4K\nioas one\nattach a one\nattach b one\ndetach a\nmap one 0xfee00000 p rw => EINVAL"},
    {"WhatIsMappedRefusesTheDevice", "drivers/iommu/iommufd/io_pagetable.c:971-990",
     "buffer p 4K\nioas one\nmap one 0xfee00000 p rw\nattach a one => EADDRINUSE # a:-\nunmap one "
     "0xfee00000+4K\nattach a one"},
    {"WhatIsAllowedToo", "drivers/iommu/iommufd/io_pagetable.c:980",
     "ioas one\nallow one 0xfee00000+4K\nattach a one => EADDRINUSE"},
    {"AllowIsChecked", "drivers/iommu/iommufd/ioas.c:116-184",
     "ioas one\nallow one 0x1000+4K 0x1800+4K => EINVAL\nallow one 0x1000+1 => EINVAL\nattach a one\n"
     "allow one 0xfee00000+4K => EADDRINUSE\nallow one 0x1000+4K"},
};
INSTANTIATE_TEST_SUITE_P(Ranges, Iommufd, testing::ValuesIn(kRanges), name_of_row);

constexpr Row kOwnership[] = {
    {"OpenTwice", "drivers/vfio/device_cdev.c:92-180", "open a => EINVAL\nclose a\nopen a"},
    {"CloseDetaches", "drivers/vfio/iommufd.c:135-152",
     "ioas one\nattach a one\nattach b one\nclose a # b:one\nclose b # a:- b:-\ndestroy one\nclose b => "
     "EBADF"},
    {"AClosedDeviceCannotAttach", "drivers/vfio/device_cdev.c:203-260",
     "ioas one\nclose a\nattach a one => EBADF\nhwpt h one a => ENOENT\nattach b one # a:one"},
};
INSTANTIATE_TEST_SUITE_P(Ownership, Iommufd, testing::ValuesIn(kOwnership), name_of_row);

// ---- what an owner assumes who knows nothing of groups ----------------------------------------------------

class PerDevice : public Table {};
TEST_P(PerDevice, Row) {
    rig(kRig, "per-device");
    SCOPED_TRACE(GetParam().source);
    run(GetParam().steps);
}

constexpr Row kPerDevice[] = {
    {"EveryDeviceHasItsOwnDomain", "include/uapi/linux/vfio.h:959-965",
     "ioas one\nioas two\nattach a one # a:one b:- c:-\nattach b two # a:one b:two\nreplace a two # a:two "
     "b:two\n"
     "replace b one # a:two b:one\ndetach a # a:- b:one"},
    {"AndItsOwnReference", "include/uapi/linux/vfio.h:959-965",
     "ioas one\nioas two\nhwpt h one a\nattach a h\nattach b h\nreplace a two\ndestroy h => EBUSY\nreplace b "
     "two\ndestroy h"},
    {"RangesAreReservedAllTheSame", "drivers/iommu/iommufd/io_pagetable.c:1583-1632",
     "buffer p 4K\nioas one\nioas two\nattach a one\nattach b two\nmap one 0xfee00000 p rw => EINVAL\n"
     "map two 0xfee00000 p rw => EINVAL"},
};
INSTANTIATE_TEST_SUITE_P(Books, PerDevice, testing::ValuesIn(kPerDevice), name_of_row);

// ---- the series of February 2023 --------------------------------------------------------------------------

class Series2023 : public Table {};
TEST_P(Series2023, Row) {
    rig(kRig, "v2-2023");
    SCOPED_TRACE(GetParam().source);
    run(GetParam().steps);
}

constexpr Row kSeries[] = {
    {"TheGroupMovesTheBooksDoNot",
     "the thread, (2): idev2's DMA goes through domain2, its bookkeeping still says hwpt1",
     "ioas one\nioas two\nattach a one # a~one b~one\nattach b one # b~one\nreplace a two # a:two b:two "
     "a~two b~one"},
    {"UserSpaceRunsThrough",
     "the thread: user space is still expected to run through and change all the other devices",
     "ioas one\nioas two\nattach a one\nattach b one\nreplace a two\nreplace b two # a:two b:two a~two "
     "b~two"},
    {"TheOldOneIsHeldByTheSiblingsBooks",
     "kernel-semantics of idev->hwpt: a reference for each device's books",
     "ioas one\nioas two\nhwpt h one a\nattach a h\nattach b h\nreplace a two\ndestroy h => EBUSY\nreplace b "
     "two\ndestroy h"},
    {"ReplaceToWhatTheBooksNameIsANop",
     "the thread: replace should be a NOP; by the books, though the group is elsewhere",
     "ioas one\nioas two\nattach a one\nattach b one\nreplace a two\nreplace b one # b:two b~one"},
    {"TheSiblingMovesTheGroupOn", "the thread, (2), with the roles changed",
     "ioas one\nioas two\nioas three\nattach a one\nattach b one\nreplace a two\nreplace b three # a:three "
     "b:three a~two b~three"},
    {"DetachEverythingThenAttach", "the thread: the classic flow has no such window",
     "ioas one\nioas two\nattach a one\nattach b one\ndetach a # b:one a~-\ndetach b # b:- b~-\nattach a two "
     "# b:two\n"
     "attach b two # b~two"},
    {"AFurtherMemberAsksTheGroup", "plain reading: as device.c:715-718",
     "ioas one\nioas two\nattach a one\nattach b one\nreplace a two\ndetach b\nattach b one => "
     "EINVAL\nattach b two # b~two"},
    {"NothingIsUsedWithoutAReference", "plain reading: the group leaves what nobody's books name any more",
     "ioas one\nioas two\nattach a one\nattach b one\nreplace a two\ndetach a # b:- b~one\ndestroy "
     "two\nreplace b one # b:-"},
    {"DetachOfTheUnaware", "drivers/iommu/iommufd/device.c:780-787",
     "ioas one\nioas two\nattach a one\nattach b one\nreplace a two\ndetach b # a:two b:two\ndestroy one"},
    {"ReservedRangesFollowTheBooks", "plain reading: a range is reserved where the device's books are",
     "buffer p 4K\nioas one\nioas two\nattach a one\nattach b one\nreplace a two\nmap one 0xfee00000 p rw => "
     "EINVAL\n"
     "replace b two\nmap one 0xfee00000 p rw"},
};
INSTANTIATE_TEST_SUITE_P(Books, Series2023, testing::ValuesIn(kSeries), name_of_row);

// ---- VFIO containers --------------------------------------------------------------------------------------

class Type1 : public Table {};
TEST_P(Type1, Row) {
    rig(kRig, "type1");
    SCOPED_TRACE(GetParam().source);
    run(GetParam().steps);
}

constexpr Row kType1[] = {
    {"TheWholeGroupJoins", "drivers/vfio/container.c:416-466",
     "ioas one\nattach a one # a:one b:one c:-\nattach b one # b:one\nattach c one # c:one"},
    {"AGroupIsInOneContainer", "drivers/vfio/group.c vfio_group_ioctl_set_container()",
     "ioas one\nioas two\nattach a one\nattach b two => EINVAL # b:one"},
    {"ThereIsNoReplace", "drivers/vfio/group.c vfio_group_ioctl_set_container()",
     "ioas one\nioas two\nattach a one\nreplace a two => EINVAL # a:one\nreplace a one\ndetach a # "
     "b:-\nattach a two # b:two"},
    {"TheLastGroupTakesTheMappings", "drivers/vfio/vfio_iommu_type1.c vfio_iommu_type1_detach_group()",
     "buffer p 4K\nioas one bare\nattach a one\nattach b one\nattach c one\nmap one 0x200000 p rw\ndetach "
     "a\ndetach b # b:-\n"
     "detach c # c:-\nattach c one\nmap one 0x200000 p rw"},
    {"OtherGroupsKeepThem", "drivers/vfio/vfio_iommu_type1.c vfio_iommu_type1_detach_group()",
     "buffer p 4K\nioas one\nattach a one\nattach c one\nmap one 0x200000 p rw\nclose a\nmap one 0x200000 p "
     "rw => EEXIST"},
    {"AContainerWithoutGroupHasNoIommu", "include/uapi/linux/vfio.h, VFIO_SET_IOMMU",
     "buffer p 4K\nioas one\nmap one 0x200000 p rw => EINVAL\nunmap one 0x200000+4K => EINVAL\nranges one => "
     "EINVAL\n"
     "map one 0x200000 p rw\nattach a one\nmap one 0x200000 p rw => EEXIST"},
    {"CallsOnlyIommufdHas", "drivers/vfio/vfio_iommu_type1.c vfio_iommu_type1_ioctl()",
     "buffer p 4K memfd\nioas one\nattach a one\nhwpt h one a => ENOTTY\nmap-file one 0x200000 p rw => "
     "ENOTTY\n"
     "map one auto p rw => ENOTTY\nioas-copy one 0x200000 one 0x70000000+4K rw => ENOTTY\nallow one "
     "0x1000+4K => ENOTTY\n"
     "option one huge-pages off => ENOTTY"},
    {"WholePagesOnly", "drivers/vfio/vfio_iommu_type1.c vfio_dma_do_map()",
     "buffer p 8K\nbuffer s 8K skew 512\nioas one\nattach a one\nmap one 0x200100 p rw => EINVAL\n"
     "map one 0x200000 p[0x0+512] rw => EINVAL\nmap one 0x200000 s[0x0+4K] rw => EINVAL\nmap one 0x200000 p "
     "rw\n"
     "map one 0x200000 s[0x0+4K] rw => EINVAL\nmap one 0xfffffffffffff000 p rw => EOVERFLOW"},
    {"OverlapBeforeReserved", "drivers/vfio/vfio_iommu_type1.c vfio_dma_do_map()",
     "buffer p 8K\nioas one\nattach a one\nmap one 0xfedff000 p[0x0+4K] rw\nmap one 0xfedff000 p rw => "
     "EEXIST\n"
     "map one 0xfee00000 p rw => EINVAL"},
    {"ReservedRangesRefuseTheGroup", "drivers/vfio/vfio_iommu_type1.c vfio_iommu_resv_conflict()",
     "buffer p 4K\nioas one\nmap one 0xfee00000 p rw\nattach a one => EINVAL # a:-"},
    {"PinnedAtOnce", "drivers/vfio/vfio_iommu_type1.c vfio_pin_map_dma()",
     "buffer q 4K ro\nioas one\nattach a one\nmap one 0x200000 q rw => EFAULT\nmap one 0x200000 q r"},
    {"UnmapNeverCutsAndNeverStopsHalfway", "drivers/vfio/vfio_iommu_type1.c:1447-1477",
     "buffer p 8K\nioas one bare\nattach a one\nmap one 0x200000 p rw\nmap one 0x202000 p rw\nunmap one "
     "0x200000+12K => EINVAL\n"
     "unmap one 0x200100+12K => EINVAL\nunmap one 0x400000+4K => ok 0x0\nunmap one 0x100000+4M => ok "
     "0x4000\nunmap one all => ok 0x0"},
    {"AContainerCanAlwaysBeClosed", "drivers/vfio/container.c vfio_fops_release()",
     "ioas one\nioas two\nattach a one\ndestroy one\ndestroy two\nattach b one => ENOENT # a:one"},
    {"TheLabsWindowComesBack", "what the lab does: drivers/vfio/vfio_iommu_type1.c vfio_iommu_type1_detach_group()",
     "buffer p 4K\nioas one\nattach a one\nmap one 0x200000 p rw\ndetach a\nattach a one\n"
     "map one 0x70000000 p rw => EEXIST\nunmap one all => ok 0x100000"},
    {"UnlessItWasTakenAway", "what the lab does",
     "buffer p 4K\nioas one\nattach a one\nunmap one all => ok 0x100000\ndetach a\nattach a one\n"
     "map one 0x70000000 p rw"},
};
INSTANTIATE_TEST_SUITE_P(Containers, Type1, testing::ValuesIn(kType1), name_of_row);

// ---- iommufds that stand for containers ---------------------------------------------------------------------

class Compat : public Table {};
TEST_P(Compat, Row) {
    rig(kRig, "compat");
    SCOPED_TRACE(GetParam().source);
    run(GetParam().steps);
}

constexpr Row kCompat[] = {
    {"AGroupIsInOneContainer", "drivers/vfio/group.c vfio_group_ioctl_set_container()",
     "ioas one\nioas two\nattach a one # a:one b:one\nattach b two => EINVAL\nreplace a two => EINVAL\ndetach a # "
     "b:-\nattach a two # b:two"},
    {"MappingsStay", "drivers/iommu/iommufd/vfio_compat.c iommufd_vfio_compat_ioas_create()",
     "buffer p 4K\nioas one bare\nmap one 0x200000 p rw\nattach a one\ndetach a\nattach a one\nmap one 0x200000 p rw => "
     "EEXIST"},
    {"UnmapIsThatOfAnIoas", "drivers/iommu/iommufd/vfio_compat.c iommufd_vfio_unmap_dma()",
     "buffer p 8K\nioas one bare\nattach a one\nmap one 0x200000 p rw\nunmap one 0x400000+4K => ok 0x0\n"
     "unmap one 0x200000+4K => ENOENT\nunmap one all => ok 0x2000\nunmap one 0x200000+4K => ok 0x0"},
    {"ConflictsAreThoseOfAnIoas", "drivers/iommu/iommufd/io_pagetable.c:971-990",
     "buffer p 4K\nioas one\nmap one 0xfee00000 p rw\nattach a one => EADDRINUSE # a:-"},
    {"ItsFileCanAlwaysBeClosed", "drivers/vfio/group.c vfio_group_ioctl_set_container()",
     "ioas one\nattach a one\ndestroy one # a:one\nattach b one => ENOENT"},
    {"CallsOnlyIommufdHas", "drivers/iommu/iommufd/vfio_compat.c iommufd_vfio_ioctl()",
     "ioas one\nattach a one\nhwpt h one a => ENOTTY\nallow one 0x1000+4K => ENOTTY"},
};
INSTANTIATE_TEST_SUITE_P(Containers, Compat, testing::ValuesIn(kCompat), name_of_row);

// ---- a model by what the trace says -----------------------------------------------------------------------

class ByTrace : public ModelTest {};

TEST_F(ByTrace, IommufdUnlessItSaysOtherwise) {
    rig(kRig, "");
    EXPECT_EQ(model->name(), "iommufd");
    run("ioas one\nioas two\nattach a one\nreplace a two # b:two");
}

TEST_F(ByTrace, TheHeadNamesContainers) {
    rig(std::string(kRig) + "feature \"type1\"\n", "");
    EXPECT_EQ(model->name(), "type1");
    run("ioas one\nioas two\nattach a one\nattach a two => EINVAL # b:one\nhwpt h one a => ENOTTY");
}

TEST_F(ByTrace, ANamedModelStaysWhatItIs) {
    rig(std::string(kRig) + "feature \"type1\"\n", "per-device");
    EXPECT_EQ(model->name(), "per-device");
}

}  // namespace
}  // namespace landfall
