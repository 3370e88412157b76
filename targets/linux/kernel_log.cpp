#include "linux/kernel_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
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

std::optional<std::uint64_t> decimal(std::string_view text) {
    std::uint64_t v = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v);
    if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return v;
}

// drivers/iommu/virtio-iommu.c, viommu_fault_handler():
//   virtio_iommu virtio0: page fault from EP 65 at 0x300000 [W]
// The letters are there when a permission was lacking. An endpoint is the requester id, as QEMU's ACPI table VIOT has it
// (hw/acpi/viot.c). A line without an address blames nobody.
std::optional<Event> virtio_fault(std::string_view text) {
    if (!text.starts_with("virtio_iommu ")) return std::nullopt;
    const auto endpoint = decimal(between(text, " fault from EP ", " at "));
    const auto address = hex(between(text, " at ", " ["));
    if (!endpoint || *endpoint > 0xffff || !address) return std::nullopt;
    const auto id = static_cast<unsigned>(*endpoint);
    const Bdf requester{0, static_cast<std::uint8_t>(id >> 8U), static_cast<std::uint8_t>(id >> 3U & 0x1fU),
                        static_cast<std::uint8_t>(id & 7U)};
    FaultEvent e{requester, {}, Iova{*address}, std::nullopt};
    const auto letters = between(text, " [", "]");
    const bool read = letters.find('R') != std::string_view::npos, write = letters.find('W') != std::string_view::npos;
    if (read != write) e.access = {read, write};
    return e;
}

// AMD I/O Virtualization Technology Specification 3.08, section 2.5.3 (IO_PAGE_FAULT): RW says something of a memory
// request only, that is where I is clear.
constexpr std::uint64_t kAmdInterrupt = 1U << 3U, kAmdWrite = 1U << 5U;

// drivers/iommu/amd/iommu.c, amd_iommu_report_page_fault() and iommu_print_event(); the function is in front when the
// kernel knows it, else behind "device=":
//   vfio-pci 0000:00:08.1: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0001 address=0x300000 flags=0x0020]
//   AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:08.1 domain=0x0001 address=0x300000 flags=0x0020]
//   pci 0000:00:01.0: AMD-Vi: Event logged [INVALID_DEVICE_REQUEST device=0000:00:08.1 pasid=0x00000 address=0x300000 ...
std::optional<Event> amd_fault(std::string_view text) {
    const auto logged = text.find("AMD-Vi: Event logged [");
    if (logged == std::string_view::npos) return std::nullopt;
    if (text.find("[IO_PAGE_FAULT ") == std::string_view::npos &&
        text.find("[INVALID_DEVICE_REQUEST ") == std::string_view::npos)
        return std::nullopt;
    auto who = between(text, " device=", " ");
    if (who.empty()) who = between(text.substr(0, logged), " ", ": ");
    const auto requester = Bdf::parse(who);
    const auto address = hex(between(text, " address=", " "));
    const auto flags = hex(between(text, " flags=", "]"));
    if (!requester || !address || !flags) return std::nullopt;
    FaultEvent e{*requester, {}, Iova{*address}, static_cast<std::uint32_t>(*flags)};
    if ((*flags & kAmdInterrupt) == 0) e.access = {(*flags & kAmdWrite) == 0, (*flags & kAmdWrite) != 0};
    return e;
}

// The other events of that function say that the tables or commands the kernel gave to the IOMMU are broken.
constexpr std::array<std::string_view, 6> kAmdErrors{
    "ILLEGAL_DEV_TABLE_ENTRY", "DEV_TAB_HARDWARE_ERROR", "PAGE_TAB_HARDWARE_ERROR",
    "ILLEGAL_COMMAND_ERROR",   "COMMAND_HARDWARE_ERROR", "IOTLB_INV_TIMEOUT",
};

bool is_amd_error(std::string_view text) {
    const auto name = between(text, "AMD-Vi: Event logged [", " ");
    return std::find(kAmdErrors.begin(), kAmdErrors.end(), name) != kAmdErrors.end();
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
    for (const auto& fault : {vtd_fault, virtio_fault, amd_fault})
        if (auto event = fault(text)) return event;
    if (is_amd_error(text)) return KernelEvent{std::string(text.substr(0, 500))};
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
        if (auto e = smmu_.take(body)) events.push_back(std::move(*e));
    }
    return events;
}

}  // namespace landfall
