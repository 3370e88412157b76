// The half of the memory witness that runs on the machine: which physical pages are the lab's, and what others are.
#pragma once

#include <functional>
#include <string>

#include "landfall/memory_witness.hpp"

namespace landfall {

class GuestWitness final : public MemoryWitness {
  public:
    /// Puts a question to whoever sees all of this machine's memory, and returns the answer (search_lines.hpp).
    using Ask = std::function<std::string(const std::vector<std::string>& question)>;
    /// Whether this kernel can tell where pages are: it needs CONFIG_PROC_PAGE_MONITOR=y.
    [[nodiscard]] static bool possible();
    /// Throws LabError if it does not.
    explicit GuestWitness(Ask ask);

    std::vector<GuestPlace> look(const StampKey& key, std::uint64_t last,
                                 std::span<const std::span<const std::byte>> pages) override;

  private:
    Ask ask_;
};

/// Where whole, resident pages of this process are: ascending, neighbours put together. Throws LabError if the kernel
/// does not tell: without CONFIG_PROC_PAGE_MONITOR, or CAP_SYS_ADMIN.
[[nodiscard]] std::vector<GuestRange> physical_pages(std::span<const std::span<const std::byte>> pages);

/// The innermost name /proc/iomem gives to an address; empty: none.
[[nodiscard]] std::string iomem_name(std::istream& iomem, GuestAddress address);
/// What the word of /proc/kpageflags says about a page of RAM.
[[nodiscard]] std::string page_use(std::uint64_t flags);

}  // namespace landfall
