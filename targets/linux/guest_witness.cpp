#include "linux/guest_witness.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kernel-page-flags.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "landfall/error.hpp"
#include "landfall/mapping.hpp"
#include "landfall/search_lines.hpp"
#include "os/fd.hpp"

namespace landfall {
namespace {

// Documentation/admin-guide/mm/pagemap.rst: bits 0-54 the frame's number, 0 for who may not know it; bit 63 present.
constexpr std::uint64_t kFrame = (1ULL << 55) - 1, kPresent = 1ULL << 63;
constexpr const char* kPagemap = "/proc/self/pagemap";
constexpr const char* kPageFlags = "/proc/kpageflags";

// Words [first, first + out.size()) of a file that has one for each page; false if it has not all of them.
bool read_words(const char* path, std::uint64_t first, std::span<std::uint64_t> out) {
    const Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
    const auto bytes = out.size_bytes();
    return fd && ::pread(fd.get(), out.data(), bytes, static_cast<off_t>(first * sizeof(std::uint64_t))) ==
                     static_cast<ssize_t>(bytes);
}

std::string use_of(GuestAddress address) {
    std::ifstream iomem("/proc/iomem");
    if (auto name = iomem_name(iomem, address); name != "System RAM") return name.empty() ? "no memory" : name;
    std::uint64_t flags = 0;
    if (!read_words(kPageFlags, address.value / kPageSize, {&flags, 1})) return "System RAM";
    return page_use(flags);
}

}  // namespace

std::vector<GuestRange> physical_pages(std::span<const std::span<const std::byte>> pages) {
    std::vector<GuestRange> out;
    for (const auto& span : pages) {
        std::vector<std::uint64_t> entries(span.size() / kPageSize);
        const auto address = reinterpret_cast<std::uintptr_t>(span.data());
        if (!read_words(kPagemap, address / kPageSize, entries))
            throw LabError(fmt::format("no {}: {}", kPagemap, std::strerror(errno)),
                           "the kernel needs CONFIG_PROC_PAGE_MONITOR=y");
        for (const auto entry : entries) {
            if ((entry & kPresent) == 0 || (entry & kFrame) == 0)
                throw LabError(fmt::format("{} does not say where a page of the lab is", kPagemap),
                               "run it as root (CAP_SYS_ADMIN)");
            out.push_back({{(entry & kFrame) * kPageSize}, kPageSize});
        }
    }
    std::ranges::sort(out);
    std::vector<GuestRange> joined;
    for (const auto& r : out) {
        if (!joined.empty() && r.start < joined.back().end()) continue;  // one page, mapped twice
        if (!joined.empty() && r.start == joined.back().end()) joined.back().length += r.length;
        else joined.push_back(r);
    }
    return joined;
}

// "  01000000-01ffffff : Kernel code", two blanks deeper for what lies inside; the last that holds it is the innermost.
std::string iomem_name(std::istream& iomem, GuestAddress address) {
    std::string out;
    for (std::string line; std::getline(iomem, line);) {
        const auto first = line.find_first_not_of(' '), dash = line.find('-'), colon = line.find(" : ");
        if (first == std::string::npos || colon == std::string::npos || dash > colon) continue;
        std::uint64_t from = 0, to = 0;
        const auto* text = line.data();
        std::from_chars(text + first, text + dash, from, 16);
        std::from_chars(text + dash + 1, text + colon, to, 16);
        if (from <= address.value && address.value <= to) out = line.substr(colon + 3);
    }
    return out;
}

std::string page_use(std::uint64_t flags) {
    struct Use {
        unsigned bit;
        const char* name;
    };
    // The first that is set says most.
    static constexpr std::array<Use, 8> kUses{{{KPF_NOPAGE, "no memory"},
                                               {KPF_BUDDY, "free"},
                                               {KPF_PGTABLE, "page table"},
                                               {KPF_SLAB, "slab"},
                                               {KPF_HUGE, "huge page"},
                                               {KPF_ANON, "memory of a process"},
                                               {KPF_MMAP, "mapped file"},
                                               {KPF_LRU, "page cache"}}};
    for (const auto& use : kUses)
        if ((flags >> use.bit & 1) != 0) return use.name;
    return "kernel";
}

bool GuestWitness::possible() { return ::access(kPagemap, F_OK) == 0; }

GuestWitness::GuestWitness(Ask ask) : ask_(std::move(ask)) {
    // A page of our own stands for all, one that is there: of the program's file those are that were used.
    const auto [error, page] = Mapping::make({kPageSize});
    if (!error.ok()) throw LabError(fmt::format("no page of memory: {}", std::strerror(error.value)));
    static_cast<void>(physical_pages(std::array{std::span<const std::byte>(page.bytes())}));
}

std::vector<GuestPlace> GuestWitness::look(const StampKey& key, std::uint64_t last,
                                           std::span<const std::span<const std::byte>> pages) {
    const auto answer = ask_(print_search({key, last, physical_pages(pages)}));
    std::vector<GuestPlace> out;
    try {
        for (const auto& f : parse_found(answer)) out.push_back({f.range, f.sequence, use_of(f.range.start)});
    } catch (const TextError& e) {
        throw LabError(fmt::format("the witness answered '{}': {}", answer, e.what()));
    }
    return out;
}

}  // namespace landfall
