#include "sim/iommufd.hpp"

#include <gtest/gtest.h>

#include "sim/explore.hpp"
#include "sim/played_test.hpp"

namespace landfall::sim {
namespace {

const std::string kObjects =
    "buffer p 4K\nbuffer q 4K\nioas one\nioas two\nhwpt h one a\nhwpt g two a\nmap one 0x200000 p rw\n"
    "map two 0x200000 q rw\n";

// What drivers/iommu/iommufd/{device,hw_pagetable,main}.c answer.
const Call kCases[]{
    {"", "attach a h", "ok"},
    {"attach a h\n", "attach b h", "ok"},
    {"attach a h\n", "attach b g", "EINVAL"},    // the group is elsewhere
    {"attach a h\n", "attach b one", "EINVAL"},  // an automatic HWPT is another one
    {"attach a h\nattach b h\n", "replace b g", "ok"},
    {"attach a h\n", "attach c g", "ok"},  // another group
    {"attach a h\n", "destroy h", "EBUSY"},
    {"attach a h\nattach b h\ndetach a\n", "destroy h", "EBUSY"},
    {"attach a h\nattach b h\nreplace a g\n", "destroy h", "ok"},
    {"attach a h\nattach b h\nreplace a g\n", "destroy g", "EBUSY"},
    {"", "destroy one", "EBUSY"},
    {"destroy h\n", "destroy one", "ok"},
    {"attach a one\n", "destroy one", "EBUSY"},
    {"destroy h\nattach a one\ndetach a\n", "destroy one",
     "ok"},  // an automatic HWPT goes with its last user
    {"destroy h\n", "attach a h", "ENOENT"},
    {"destroy h\ndestroy one\n", "attach a one", "ENOENT"},
    {"", "detach a", "ok"},
    {"attach a h\ndetach a\n", "detach a", "ok"},
    {"close a\n", "attach a h", "EBADF"},
    {"close a\n", "close a", "EBADF"},
    {"", "open a", "EINVAL"},
    {"attach a h\nclose a\n", "destroy h", "ok"},
    {"close a\n", "reset a", "EBADF"},
    {"map two 0xfee00000 q rw\nattach a h\n", "replace a g", "EADDRINUSE"},
    {"map one 0xfee00000 q rw\n", "attach a h", "EADDRINUSE"},
};

class Calls : public testing::TestWithParam<Call> {};

TEST_P(Calls, AnswerAsTheKernelDoes) { expect_answer(kObjects, GetParam()); }

INSTANTIATE_TEST_SUITE_P(Iommufd, Calls, testing::ValuesIn(kCases));

struct Move {
    const char* steps;
    const char* device;
    const char* lands;
};

// Who is translated through what: the group, whoever asked.
const Move kMoves[]{
    {"attach a h\n", "a", "done seq 1 lands p[0x0+64]"},
    {"attach a h\n", "b", "done seq 1 lands p[0x0+64]"},
    {"attach a h\n", "c", "timeout seq 1 nowhere"},
    {"attach a h\nattach b h\nreplace a g\n", "b", "done seq 1 lands q[0x0+64]"},
    {"attach a h\nattach b h\nreplace b g\n", "a", "done seq 1 lands q[0x0+64]"},
    {"attach a h\nattach c h\nreplace a g\n", "c", "done seq 1 lands p[0x0+64]"},
    {"attach a h\nattach b h\ndetach a\n", "a", "done seq 1 lands p[0x0+64]"},
    {"attach a h\nattach b h\ndetach a\ndetach b\n", "a", "timeout seq 1 nowhere"},
    {"attach a h\nattach b h\nclose a\n", "b", "done seq 1 lands p[0x0+64]"},
    {"attach a h\nreset a\n", "a", "done seq 1 lands p[0x0+64]"},
    {"map two 0xfee00000 q rw\nattach a h\nreplace a g\n", "a", "done seq 1 lands p[0x0+64]"},
};

class Moves : public testing::TestWithParam<Move> {};

TEST_P(Moves, TakeTheGroupAlong) {
    const auto& [steps, device, lands] = GetParam();
    const auto text = kObjects + steps + "dma " + device + " write 0x200000+64\n";
    EXPECT_EQ(last(text), lands) << steps;
    EXPECT_EQ(last(text, bridge_config()), lands) << steps;
}

INSTANTIATE_TEST_SUITE_P(Iommufd, Moves, testing::ValuesIn(kMoves));

// Two replaces at the same time: in every order there is, the members end on one domain.
TEST(Iommufd, TheGroupsLockKeepsReplacesApart) {
    const auto scenario = Scenario::parse(
        "ioas one\nioas two\nioas three\nhwpt h one a\nhwpt g two a\nhwpt f three a\nattach a h\nattach b h\n"
        "lane 1: replace a g\nlane 2: replace b f\nview a\nview b\n");
    const auto parted = [&](const Config& config) {
        std::size_t out = 0;
        static_cast<void>(explore(scenario, {config, 300, 1, false}, [&](const History& h) {
            const auto seen = outcomes_of(h.lines);
            out += seen[seen.size() - 1] != seen[seen.size() - 2] ? 1 : 0;
            return true;
        }));
        return out;
    };
    EXPECT_EQ(parted(default_config()), 0U);
    EXPECT_GT(parted(with_fault(Fault::replace_unlocked)), 0U) << "the lock makes no difference";
}

}  // namespace
}  // namespace landfall::sim
