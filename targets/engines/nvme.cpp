// NVMe controllers of any vendor (PCI class 01:08:02), through a namespace that holds nothing. The
// specifications are those named in nvme_controller.hpp.
//
// A copy is two commands through blocks of the namespace that nobody else uses: Write reads the bytes at the
// source into them, Read writes them at the destination. Blocks are moved whole, but a copy may be of any
// length: a scatter gather list puts our bytes first, and fills up the last block from a page of the staging
// slice or empties it into one. A controller without such lists is given pages (PRP) and copies whole blocks
// only.
//
// A Write whose source was blocked leaves old bytes in the blocks, and a Read of these would look like a copy
// that worked. The specification has it completed with an error (Data Transfer Error), and then there is no
// Read. QEMU completes it as if nothing was wrong, but puts zeros into the blocks, which are nobody's
// content.
//
// The namespace is overwritten, so it is touched only if the rig says that it is scratch, and not if it holds
// anything at its beginning or end, where partition tables and file systems keep their labels.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>

#include "engines/nvme_controller.hpp"
#include "landfall/error.hpp"

namespace landfall {
namespace {

using namespace nvme;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// NVM 3.2.6 and 3.2.4: starting block in dwords 10 and 11, number of blocks less one in dword 12.
constexpr std::uint8_t kWrite = 0x01, kRead = 0x02;

// SGL descriptors, Base 4.1.2; in a command by PSDT 01b, Base 3.3.3.1.
struct SglDescriptor {
    std::uint64_t address = 0;
    std::uint32_t length = 0;
    std::uint8_t reserved[3]{};
    std::uint8_t type = 0;
};
static_assert(sizeof(SglDescriptor) == 16);
constexpr std::uint8_t kDataBlock = 0x00, kLastSegment = 0x30;
constexpr std::uint8_t kBySgl = 1U << 6;

constexpr std::uint32_t kMostBytes = 16384;  // of one copy
constexpr std::size_t kSlots = 4;            // copies under way
constexpr milliseconds kCopyLimit{2000};  // QEMU takes a millisecond; a board's flash may be busy with itself

// Where the copies' blocks lie, and what must be empty before and after: an MBR or GPT takes 17 KiB at either
// end, the label of btrfs is at 64 KiB, that of an old md array in the last 128 KiB. Virtual functions may share a
// namespace, so each has blocks of its own.
constexpr std::uint64_t kScratchStart = 1U << 20, kGuard = 128U << 10, kLeastBytes = 4U << 20;
constexpr unsigned kMostVfs = 32;
static_assert(kScratchStart >= kGuard && kScratchStart + kMostVfs * kSlots * kMostBytes <= kLeastBytes - kGuard);

// The staging slice.
struct Shared {
    ControllerMemory controller;
    alignas(4096) std::array<std::byte, kPageSize> filler,
        sink;  ///< rest of a last block, on its way out and in
    struct List {
        std::array<SglDescriptor, 2> sgl;
        std::array<std::uint64_t, kMostBytes / kPageSize> pages;  ///< PRP list, Base 4.1.1
        std::array<std::uint64_t, 8> fill;                        ///< keeps a list within one page
    };
    std::array<List, kSlots> lists;
    alignas(4096) std::array<std::byte, kMostBytes> look;
};
static_assert(4096 % sizeof(Shared::List) == 0);

class Nvme final : public Engine {
  public:
    Nvme(DeviceAccess access, StagingSlice staging)
        : label_(access.label),
          vf_(access.vf),
          shared_(*reinterpret_cast<Shared*>(staging.memory.data())),
          iova_(staging.iova),
          controller_(std::move(access), shared_.controller, iova_ + offsetof(Shared, controller)) {
        if (staging.memory.size() < sizeof(Shared)) std::abort();
        if (vf_ >= kMostVfs)
            throw LabError(fmt::format("{}: there are no blocks for it, expected a number below {}", label_, kMostVfs));
    }

    Limits limits() const override {
        const auto whole = [&](std::uint64_t n) { return static_cast<std::uint32_t>(n - n % block()); };
        Limits l{1, kMostBytes, 1, static_cast<std::uint32_t>(kSlots), Iova{~0ULL}, kCopyLimit};
        if (!checked_) return l;
        const auto& id = controller_.identity();
        l.max_length = whole(std::min<std::uint64_t>(kMostBytes, id.most_bytes));
        if (id.sgl != Sgl::bytes) l.alignment = 4;
        if (id.sgl == Sgl::dwords) l.granule = 4;
        if (id.sgl == Sgl::none) l.granule = block();
        l.min_length = l.granule;
        return l;
    }

    ~Nvme() override { let_end(); }

    bool reset() override {
        let_end();
        first_ = under_way_ = 0;
        slots_ = {};
        if (!controller_.restart()) return false;
        return checked_ || (checked_ = is_empty());
    }

    void start(const CopyRequest& copy) override {
        if (under_way_ == kSlots) std::abort();
        const auto i = (first_ + under_way_++) % kSlots;
        slots_[i] = {.copy = copy, .half = true};
        transfer(i, kWrite, copy.source);
        // The transfer at the end of the copy that matters is the one left in flight. Where other copies are there is none to
        // leave: they go on side by side.
        if (copy.from_staging && under_way_ == 1) settle(i, Clock::now() + kCopyLimit, true);
    }

    Arrival wait(milliseconds limit) override {
        if (under_way_ == 0) std::abort();
        const auto i = first_;
        const auto end = Clock::now() + limit;
        settle(i, end);
        first_ = (first_ + 1) % kSlots;
        --under_way_;
        // A controller that failed to reach a queue may try again and complete the command, but stays in that state: the next
        // copy would be blamed for it.
        if (slots_[i].status == Landing::Status::done && controller_.fatal()) slots_[i].status = Landing::Status::error;
        return slots_[i].status;
    }

  private:
    struct Slot {
        CopyRequest copy;
        Landing::Status status = Landing::Status::timeout;  ///< of its last command
        bool flying = false;
        bool half = false;  ///< what flies is the first of the two transfers of the copy
    };

    [[nodiscard]] std::uint32_t block() const { return std::max(controller_.identity().block_bytes, 1U); }

    /// One command between the blocks of a slot and memory.
    void transfer(std::size_t i, std::uint8_t opcode, Iova memory) {
        const auto length = slots_[i].copy.length;
        const auto blocks = (length + block() - 1) / block();
        const auto first = kScratchStart / block() + (vf_ * kSlots + i) * (kMostBytes / block());
        Command command = blocks_of(opcode, first, blocks);
        command.id = static_cast<std::uint16_t>(i);
        if (controller_.identity().sgl == Sgl::none)
            by_pages(command, i, memory, length);
        else
            by_list(command, i, memory, length, blocks * block() - length);
        submit(command);
    }
    void submit(const Command& command) {
        slots_[command.id].flying = true;
        controller_.submit(command);
    }

    [[nodiscard]] Command blocks_of(std::uint8_t opcode, std::uint64_t first, std::uint32_t count) const {
        return {.opcode = opcode,
                .nsid = controller_.identity().nsid,
                .dword10 = {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(first >> 32),
                            count - 1}};
    }

    void by_list(Command& command, std::size_t i, Iova memory, std::uint32_t length, std::uint32_t rest) {
        command.flags = kBySgl;
        const SglDescriptor data{memory.value, length, {}, kDataBlock};
        if (rest == 0) return point(command, data);
        const auto page =
            iova_ + (command.opcode == kWrite ? offsetof(Shared, filler) : offsetof(Shared, sink));
        auto& list = shared_.lists[i].sgl;
        list = {data, SglDescriptor{page.value, rest, {}, kDataBlock}};
        point(command, {list_iova(i, offsetof(Shared::List, sgl)).value, sizeof list, {}, kLastSegment});
    }
    static void point(Command& command, const SglDescriptor& descriptor) {
        std::memcpy(command.data.data(), &descriptor, sizeof descriptor);
    }

    /// Base 4.1.1: the first page may be entered anywhere; of two pages the second is named in the command
    /// itself, of more a list of those behind the first.
    void by_pages(Command& command, std::size_t i, Iova memory, std::uint32_t length) {
        command.data = {memory.value, 0};
        auto& pages = shared_.lists[i].pages;
        std::size_t n = 0;
        const auto end = memory.value + length;
        for (auto page = align_down(memory.value, kPageSize) + kPageSize; page < end; page += kPageSize)
            pages[n++] = page;
        if (n == 1) command.data[1] = pages[0];
        if (n > 1) command.data[1] = list_iova(i, offsetof(Shared::List, pages)).value;
    }

    [[nodiscard]] Iova list_iova(std::size_t i, std::size_t offset) const {
        return iova_ + offsetof(Shared, lists) + i * sizeof(Shared::List) + offset;
    }

    /// Waits for what a slot has in flight, or for the first half of it only. Meanwhile the others go on.
    void settle(std::size_t i, Clock::time_point end, bool first_half = false) {
        auto look_again = Clock::now() + kLook;
        auto& slot = slots_[i];
        while (slot.flying && (slot.half || !first_half)) {
            const auto now = Clock::now();
            if (const auto done = controller_.next()) {
                if (done->id() < kSlots) go_on(done->id(), done->ok());
                continue;
            }
            if (now > end) return fail(slot, Landing::Status::timeout);
            if (now > look_again) {
                if (controller_.fatal()) return fail(slot, Landing::Status::error);
                look_again = now + kLook;
            }
            std::this_thread::yield();
        }
    }
    /// A transfer has ended: the second one of the copy begins, or the copy has ended.
    void go_on(std::size_t i, bool ok) {
        auto& slot = slots_[i];
        slot.flying = false;
        slot.status = ok ? Landing::Status::done : Landing::Status::error;
        if (std::exchange(slot.half, false) && ok) transfer(i, kRead, slot.copy.destination);
    }
    void fail(Slot& slot, Landing::Status status) {
        slot.flying = slot.half = false;
        slot.status = status;
        given_up_ = true;
    }

    /// What was given up may not have ended. QEMU's controller goes on with a command behind the reset that was to end it, and completes
    /// it in place of a new one, or crashes: nvme_ctrl_reset() waits for what its disks have in hand, and begins commands whose doorbell
    /// was just rung meanwhile (hw/nvme/ctrl.c, 10.0.2).
    void let_end() {
        constexpr milliseconds kBegun{30};
        if (std::exchange(given_up_, false)) std::this_thread::sleep_for(kBegun);
    }

    // -- is it ours to overwrite?

    /// False: it could not be read, the controller does not reach memory at this moment.
    [[nodiscard]] bool is_empty() {
        const auto& id = controller_.identity();
        const auto bytes = id.blocks * id.block_bytes;
        if (id.metadata_bytes != 0 || id.block_bytes < 512 || id.block_bytes > kPageSize)
            refuse(fmt::format("its blocks have {}+{} bytes", id.block_bytes, id.metadata_bytes),
                   "blocks of 512 to 4096 bytes without metadata");
        if (bytes < kLeastBytes) refuse(fmt::format("has {} bytes", bytes), "4 MiB at least");
        const auto step = static_cast<std::uint32_t>(std::min<std::uint64_t>(kMostBytes, id.most_bytes));
        for (std::uint64_t at = 0; at < kGuard; at += step)
            if (!is_empty_at(at, step) || !is_empty_at(bytes - kGuard + at, step)) return false;
        return true;
    }
    [[nodiscard]] bool is_empty_at(std::uint64_t at, std::uint32_t length) {
        const auto seen = std::span(shared_.look).first(length);
        std::ranges::fill(seen, kUnread);
        auto command = blocks_of(kRead, at / block(), length / block());
        by_pages(command, 0, iova_ + offsetof(Shared, look), length);
        submit(command);
        settle(0, Clock::now() + kCopyLimit);
        if (slots_[0].status != Landing::Status::done) return false;
        if (std::ranges::all_of(seen, [](std::byte b) { return b == kUnread; })) return false;
        const auto full = std::ranges::find_if(seen, [](std::byte b) { return b != std::byte{0}; });
        if (full != seen.end())
            refuse(
                fmt::format("it holds something at byte {}",
                            at + static_cast<std::uint64_t>(full - seen.begin())),
                "nothing but zeros in its first and last 128 KiB (blkdiscard, or nvme format, empties it)");
        return true;
    }
    [[noreturn]] void refuse(const std::string& what, const std::string& expected) const {
        throw LabError(fmt::format("the namespace of {} will not be overwritten: {}, expected {}", label_,
                                   what, expected));
    }

    static constexpr std::byte kUnread{0xed};
    static constexpr milliseconds kLook{
        1};  ///< between looks at a register, which stops an emulator for a moment

    std::string label_;
    unsigned vf_;
    Shared& shared_;
    Iova iova_;
    Controller controller_;
    bool checked_ = false;   ///< the namespace was seen to be empty
    bool given_up_ = false;  ///< a command since the last reset
    std::array<Slot, kSlots> slots_{};
    std::size_t first_ = 0, under_way_ = 0;
};

}  // namespace

std::unique_ptr<Engine> make_nvme(DeviceAccess access, StagingSlice staging) {
    require_scratch(access.label, access.scratch);
    return std::make_unique<Nvme>(std::move(access), staging);
}

}  // namespace landfall
