#include "sim/ioas.hpp"

#include <gtest/gtest.h>

#include "sim/played_test.hpp"

namespace landfall::sim {
namespace {

// What drivers/iommu/iommufd/{io_pagetable,ioas,pages}.c answer. The staging window is mapped in every IOAS.
const Call kCases[]{
    {"", "map one 0x200000 p rw", "ok"},
    {"map one 0x200000 p rw\n", "map one 0x203000 q rw", "EEXIST"},
    {"map one 0x200000 p rw\n", "map one 0x204000 q rw", "ok"},
    {"", "map one 0x200800 p rw", "ok"},  // whole pages are wanted once there is a page table
    {"attach a one\n", "map one 0x200800 p rw", "EINVAL"},
    {"attach a one\n", "map one 0x200000 p[0x0+2K] rw", "EINVAL"},
    {"option one huge-pages off\n", "map one 0x200800 p rw", "EINVAL"},
    {"", "map one 0xfffffffffffff000 p rw", "EOVERFLOW"},
    {"", "map one 0xfee00000 p rw", "ok"},
    {"attach a one\n", "map one 0xfee00000 p rw", "EINVAL"},
    {"attach a one\ndetach a\n", "map one 0xfee00000 p rw", "ok"},
    {"attach a one\n", "map one 0x1000000000000 p rw", "EINVAL"},  // beyond 48 bits
    {"buffer r 4K ro\n", "map one 0x200000 r rw", "ok"},           // pinned by the first page table
    {"buffer r 4K ro\nattach a one\n", "map one 0x200000 r rw", "EFAULT"},
    {"buffer r 4K ro\nattach a one\n", "map one 0x200000 r r", "ok"},
    {"buffer r 4K ro\nmap one 0x200000 r rw\n", "attach a one", "EFAULT"},
    {"buffer r 4K ro memfd\nattach a one\n", "map-file one 0x200000 r rw", "ok"},  // its file is pinned
    {"buffer r 12K ro[0x1000+4K]\nattach a one\n", "map one 0x200000 r[0x0+8K] rw", "EFAULT"},
    {"buffer r 12K ro[0x1000+4K]\nattach a one\n", "map one 0x200000 r[0x2000+4K] rw", "ok"},
    {"buffer r 12K ro[0x1000+4K]\nmap two 0x200000 r rw\nattach a one\n", "ioas-copy one 0x200000 two 0x200000+4K rw", "ok"},
    {"buffer r 12K ro[0x1000+4K]\nmap two 0x200000 r rw\nattach a one\n", "ioas-copy one 0x200000 two 0x200000+8K rw", "EFAULT"},
    {"allow one 0x40000000+16K\n", "map one auto p rw", "ok 0x40000000"},
    {"allow one 0x40000000+16K\nmap one auto p rw\n", "map one auto q rw", "ENOSPC"},
    {"", "allow one 0x40000000+8K 0x40001000+8K", "EINVAL"},
    {"attach a one\n", "allow one 0xfee00000+4K", "EADDRINUSE"},
    {"map one 0x200000 p rw\n", "ioas-copy two 0x300000 one 0x201000+4K rw", "ok"},
    {"map one 0x200000 p rw\n", "ioas-copy two 0x300000 one 0x203000+8K rw", "ENOENT"},
    {"map one 0x200000 p r\n", "ioas-copy two 0x300000 one 0x200000+4K rw", "EPERM"},
    {"map one 0x200000 p rw\n", "unmap one 0x200000+16K", "ok 0x4000"},
    {"map one 0x200000 p rw\n", "unmap one 0x100000+2M", "ok 0x4000"},
    {"map one 0x200000 p rw\n", "unmap one 0x201000+4K", "ENOENT"},
    {"", "unmap one 0x200000+4K", "ENOENT"},
    {"unmap one all\n", "unmap one all", "ok 0x0"},
    {"map one 0x200000 p rw\nmap one 0x204000 q rw\nunmap one 0x200000+20K\n", "map one 0x200000 p rw", "ok"},
    {"attach a one\nmap one 0x200000 p rw\n", "option one huge-pages off", "EINVAL"},
    {"destroy one\n", "map one 0x200000 p rw", "ENOENT"},
    {"destroy one\n", "unmap one 0x200000+4K", "ENOENT"},
    {"destroy one\n", "ranges one", "ENOENT"},
};

class Answers : public testing::TestWithParam<Call> {};

TEST_P(Answers, AreTheKernels) { expect_answer("buffer p 16K\nbuffer q 8K\nioas one\nioas two\n", GetParam()); }

INSTANTIATE_TEST_SUITE_P(Ioas, Answers, testing::ValuesIn(kCases));

TEST(Ioas, RangesAreTheHolesOfWhatIsReserved) {
    EXPECT_EQ(last("ioas one\nattach a one\nranges one\n"), "ok 0x0+4078M 0xfef00000+0xffff01100000");
}

// A page table that is made while a mapping is added holds it, whichever came first.
TEST(Ioas, AMappingAndAPageTableMissEachOtherInNoOrder) {
    const std::string text =
        "buffer p 4K\nioas one\nlane 1: map one 0x200000 p rw\nlane 2: hwpt h one a\nattach a h\n"
        "dma a write 0x200000+64\n";
    std::size_t missed = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        EXPECT_EQ(last(text, default_config(), seed), "done seq 1 lands p[0x0+64]");
        missed += last(text, with_fault(Fault::map_misses_new_domain), seed) != "done seq 1 lands p[0x0+64]";
    }
    EXPECT_GT(missed, 0U) << "the lock makes no difference";
}

}  // namespace
}  // namespace landfall::sim
