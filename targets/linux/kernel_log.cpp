#include "linux/kernel_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace landfall {
namespace {

// The text between two marks; empty if they are not there.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
    const auto begin = text.find(before);
    if (begin == std::string_view::npos) return {};
    text.remove_prefix(begin + before.size());
    const auto end = text.find(after);
    return end == std::string_view::npos ? std::string_view{} : text.substr(0, end);
}

std::optional<std::uint64_t> hex(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    std::uint64_t v = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v, 16);
    if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return v;
}

// drivers/iommu/intel/dmar.c, dmar_fault_do_one():
//   DMAR: [DMA Write NO_PASID] Request device [00:08.1] fault addr 0x300000 [fault reason 0x05] PTE Write access ...
std::optional<Event> vtd_fault(std::string_view text) {
    if (text.find("Request device [") == std::string_view::npos) return std::nullopt;
    const auto requester = Bdf::parse(between(text, "Request device [", "]"));
    const auto address = hex(between(text, "fault addr ", " "));
    if (!requester || !address) return std::nullopt;
    FaultEvent e{*requester, {}, Iova{*address}, std::nullopt};
    e.access = {text.find("[DMA Read") != std::string_view::npos, text.find("[DMA Write") != std::string_view::npos};
    if (const auto reason = hex(between(text, "fault reason ", "]"))) e.reason = static_cast<std::uint32_t>(*reason);
    return e;
}

// Beginnings of what lib/bug.c, kernel/panic.c, mm/kasan, kernel/hung_task.c, kernel/rcu and lib/list_debug.c print.
constexpr std::array<std::string_view, 14> kComplaints{
    "WARNING: ",        "BUG: ",       "kernel BUG at ",       "Oops",
    "general protection fault",        "Kernel panic",         "refcount_t: ",
    "INFO: task ",      "rcu: INFO: ", "list_add corruption",  "list_del corruption",
    "watchdog: BUG: ",  "INFO: rcu_",  "Internal error: ",
};

}  // namespace

std::optional<Event> parse_kernel_line(std::string_view text) {
    if (auto fault = vtd_fault(text)) return fault;
    for (const auto& complaint : kComplaints)
        if (text.starts_with(complaint)) return KernelEvent{std::string(text.substr(0, 500))};
    return std::nullopt;
}

KernelLog::KernelLog() : fd_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    if (fd_) ::lseek(fd_.get(), 0, SEEK_END);
}

std::vector<Event> KernelLog::drain() {
    std::vector<Event> events;
    std::array<char, 8192> record{};  // one read(2) is one record; the kernel makes none longer
    while (fd_) {
        const auto n = ::read(fd_.get(), record.data(), record.size());
        if (n < 0 && errno == EPIPE) {
            events.emplace_back(LabEvent{"the kernel's log overran: some of its lines were lost"});
            continue;
        }
        if (n <= 0) break;
        // "prio,seq,usec,flags;text\n key=value..."
        const std::string_view text(record.data(), static_cast<std::size_t>(n));
        const auto body = between(text, ";", "\n");
        if (auto e = parse_kernel_line(body)) events.push_back(std::move(*e));
    }
    return events;
}

}  // namespace landfall
