#include "linux/smmu_event.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace landfall {
namespace {

constexpr std::size_t kWords = 4;

// Arm IHI 0070, sections 7.3.12 to 7.3.16: F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION. The words of all four are alike.
constexpr std::uint8_t kFirstFault = 0x10, kLastFault = 0x13;
constexpr std::uint64_t kReadNotWrite = 1ULL << 35U;  // RnW, bit 99 of the record

// Tables that the kernel gave to the SMMU cannot be read, or contradict what it was told to forget. C_BAD_STE and C_BAD_CD are
// not among them: an entry that cannot change at once is not valid for a moment (arm_smmu_write_entry()), and DMA that comes
// then is blocked.
struct Broken {
    std::uint8_t id;
    const char* name;
};
constexpr std::array<Broken, 6> kBroken{{{0x02, "C_BAD_STREAMID"},
                                         {0x03, "F_STE_FETCH"},
                                         {0x09, "F_CD_FETCH"},
                                         {0x0b, "F_WALK_EABT"},
                                         {0x20, "F_TLB_CONFLICT"},
                                         {0x21, "F_CFG_CONFLICT"}}};

// A StreamID is the requester id: the machine's tables map the one to the other as it is (QEMU hw/arm/virt.c, create_pcie(),
// "iommu-map").
Bdf requester_of(std::uint64_t stream) {
    return {0, static_cast<std::uint8_t>(stream >> 8U), static_cast<std::uint8_t>(stream >> 3U & 0x1fU),
            static_cast<std::uint8_t>(stream & 7U)};
}

/// "arm-smmu-v3 9050000.smmuv3: " of a line that begins so; else nothing.
std::string_view unit_of(std::string_view line) {
    const auto end = line.find(": ");
    return line.starts_with("arm-smmu-v3 ") && end != std::string_view::npos ? line.substr(0, end + 2) : std::string_view{};
}

/// "\t0x000000400000010", or with the tab as /dev/kmsg has it: "\x090x0000...".
std::optional<std::uint64_t> word_of(std::string_view text) {
    if (text.starts_with("\\x09")) text.remove_prefix(4);
    else if (text.starts_with('\t')) text.remove_prefix(1);
    else return std::nullopt;
    if (!text.starts_with("0x")) return std::nullopt;
    text.remove_prefix(2);
    std::uint64_t v = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v, 16);
    return ec == std::errc{} && end == text.data() + text.size() ? std::optional(v) : std::nullopt;
}

}  // namespace

std::optional<Event> smmu_event(const std::vector<std::uint64_t>& words) {
    if (words.size() != kWords) return std::nullopt;
    const auto id = static_cast<std::uint8_t>(words[0]);
    const auto stream = words[0] >> 32U;
    if (id >= kFirstFault && id <= kLastFault && stream <= 0xffff) {
        FaultEvent e{requester_of(stream), {}, Iova{words[2]}, id};
        const bool read = (words[1] & kReadNotWrite) != 0;
        e.access = {read, !read};
        return e;
    }
    for (const auto& broken : kBroken)
        if (broken.id == id) return KernelEvent{fmt::format("SMMUv3 event {:#04x} {} of StreamID {:#x}", id, broken.name, stream)};
    return std::nullopt;
}

std::optional<Event> SmmuEventReader::take(std::string_view line) {
    const auto unit = unit_of(line);
    if (unit.empty()) return std::nullopt;
    const auto text = line.substr(unit.size());
    if (text.starts_with("event 0x") && text.ends_with(" received:")) {
        unit_ = unit;
        words_.clear();
        return std::nullopt;
    }
    const auto word = word_of(text);
    if (!word || unit != unit_) return std::nullopt;
    words_.push_back(*word);
    if (words_.size() < kWords) return std::nullopt;
    unit_.clear();
    return smmu_event(words_);
}

}  // namespace landfall
