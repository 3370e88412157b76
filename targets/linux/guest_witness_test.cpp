#include "linux/guest_witness.hpp"

#include <gtest/gtest.h>
#include <linux/kernel-page-flags.h>

#include <sstream>

#include "landfall/error.hpp"
#include "landfall/mapping.hpp"

namespace landfall {
namespace {

std::string named(std::uint64_t address) {
    std::istringstream iomem(
        "00000000-00000fff : Reserved\n"
        "00100000-1ffdefff : System RAM\n"
        "  01000000-01bfffff : Kernel code\n"
        "  01c00000-01ffffff : Kernel rodata\n"
        "1ffdf000-1fffffff : Reserved\n"
        "fd000000-fdffffff : PCI Bus 0000:00\n"
        "  fd000000-fd0fffff : 0000:00:08.0\n");
    return iomem_name(iomem, {address});
}

TEST(GuestWitness, AnAddressHasTheInnermostNameInIomem) {
    EXPECT_EQ(named(0x0), "Reserved");
    EXPECT_EQ(named(0x100000), "System RAM");
    EXPECT_EQ(named(0x1bfffff), "Kernel code");
    EXPECT_EQ(named(0x1c00000), "Kernel rodata");
    EXPECT_EQ(named(0x2000000), "System RAM");
    EXPECT_EQ(named(0xfd000010), "0000:00:08.0");
    EXPECT_EQ(named(0x40000000), "");
}

TEST(GuestWitness, FlagsSayWhatAPageIs) {
    const auto use = [](std::initializer_list<unsigned> bits) {
        std::uint64_t flags = 0;
        for (const auto bit : bits) flags |= 1ULL << bit;
        return page_use(flags);
    };
    EXPECT_EQ(use({}), "kernel");
    EXPECT_EQ(use({KPF_BUDDY}), "free");
    EXPECT_EQ(use({KPF_PGTABLE, KPF_MMAP}), "page table");
    EXPECT_EQ(use({KPF_ANON, KPF_LRU, KPF_MMAP}), "memory of a process");
    EXPECT_EQ(use({KPF_LRU, KPF_UPTODATE}), "page cache");
    EXPECT_EQ(use({KPF_NOPAGE}), "no memory");
}

// Who may not know where pages are is told so; who may has each page once, in order.
TEST(GuestWitness, PagesOfThisProcessAreSomewhereOrNobodySays) {
    auto [error, mapping] = Mapping::make({64 * kPageSize, false, false});
    ASSERT_TRUE(error.ok());
    const std::span<const std::byte> bytes = mapping.bytes();
    const std::vector<std::span<const std::byte>> pages{bytes, bytes.first(kPageSize)};
    try {
        std::uint64_t total = 0;
        GuestAddress last{};
        for (const auto& r : physical_pages(pages)) {
            EXPECT_LT(last, r.start);
            EXPECT_EQ(r.start.value % kPageSize, 0U);
            last = r.end();
            total += r.length;
        }
        EXPECT_EQ(total, bytes.size());
    } catch (const LabError& e) {
        EXPECT_NE(std::string(e.what()).find("/proc/self/pagemap"), std::string::npos) << e.what();
        EXPECT_FALSE(e.hint().empty());
    }
}

}  // namespace
}  // namespace landfall
