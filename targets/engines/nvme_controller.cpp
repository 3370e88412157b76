#include "engines/nvme_controller.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <thread>

#include "landfall/error.hpp"

namespace landfall::nvme {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

static_assert(std::endian::native == std::endian::little, "commands are little-endian");

// Controller properties, Base 3.1.3; doorbells, PCIe 3.1.2.
enum Property : std::size_t {
    kCapabilities = 0x00,      // CAP
    kInterruptMask = 0x0c,     // INTMS: writing ones masks
    kConfiguration = 0x14,     // CC
    kStatus = 0x1c,            // CSTS
    kAdminAttributes = 0x24,   // AQA
    kAdminSubmissions = 0x28,  // ASQ
    kAdminCompletions = 0x30,  // ACQ
    kDoorbells = 0x1000,
};

// CAP, Base 3.1.3.1.
constexpr unsigned kTimeoutShift = 24, kStrideShift = 32, kLeastPageShift = 48;
// CC, Base 3.1.3.5: the NVM command set, 4 KiB pages, entries of 64 and 16 bytes.
constexpr std::uint32_t kEnable = 1U << 0 | 6U << 16 | 4U << 20;
// CSTS, Base 3.1.3.6.
constexpr std::uint32_t kReady = 1U << 0, kFatal = 1U << 1;
constexpr std::uint32_t kGone = ~0U;  // what a read of a function that is not there gives

// Admin commands, Base 5.
constexpr std::uint8_t kCreateSubmissions = 0x01;  // 5.5
constexpr std::uint8_t kCreateCompletions = 0x05;  // 5.4
constexpr std::uint8_t kIdentify = 0x06;           // 5.17
constexpr std::uint8_t kSetFeatures = 0x09;        // 5.27
constexpr std::uint32_t kNumberOfQueues = 0x07;    // feature, 5.27.1.5
constexpr std::byte kUnanswered{0xed};
constexpr std::uint32_t kContiguous = 1U << 0;  // PC, of either kind of queue
constexpr std::uint32_t kIoQueue = 1;

// The controller's own word for how long it may take (CAP.TO) goes up to 127 s. A step of a scenario has 10
// s.
constexpr milliseconds kLongestWait{4000}, kAdminLimit{2000}, kBetweenLooks{1};

template <class Condition>
bool within(milliseconds limit, Condition condition) {
    const auto end = Clock::now() + limit;
    for (;;) {
        const bool last_look = Clock::now() > end;
        if (condition()) return true;
        if (last_look) return false;
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

}  // namespace

Controller::Controller(DeviceAccess access, ControllerMemory& memory, Iova iova)
    : access_(std::move(access)),
      memory_(memory),
      stride_(4U << (capabilities() >> kStrideShift & 0xf)),  // DSTRD
      answer_(iova + offsetof(ControllerMemory, answer)),
      admin_{&memory.admin, iova + offsetof(ControllerMemory, admin.submissions),
             iova + offsetof(ControllerMemory, admin.completions)},
      io_{&memory.io, iova + offsetof(ControllerMemory, io.submissions),
          iova + offsetof(ControllerMemory, io.completions)} {
    if (iova.value % kPageSize != 0) std::abort();
    if (access_.bar0.size() < kDoorbells + 4 * stride_)
        throw LabError("the NVMe controller " + access_.label +
                       " does not answer: no sense in its capabilities");
    admin_.doorbell = kDoorbells;
    io_.doorbell = kDoorbells + kIoQueue * 2 * stride_;
}

/// Clearing CC.EN is a Controller Level Reset (Base 3.7.2), which ends CSTS.CFS too (9.5). What it does not
/// cure, a function level reset may. A controller that cannot reach its queues looks the same, so that is
/// tried for it as well.
bool Controller::restart() {
    const auto up = [this] { return enable() && identify() && create_queues(); };
    if (up()) return true;
    return access_.reset_function().ok() && up();
}

/// Base 3.5.1.
bool Controller::enable() {
    access_.bar0.write<std::uint32_t>(kConfiguration, 0);
    if (!ready_becomes(false)) return false;
    if ((capabilities() >> kLeastPageShift & 0xf) != 0)  // MPSMIN
        throw LabError("the NVMe controller " + access_.label + " has no pages of 4 KiB");
    clear(admin_);
    clear(io_);
    access_.bar0.write<std::uint32_t>(kInterruptMask, ~0U);
    access_.bar0.write<std::uint32_t>(kAdminAttributes, (kEntries - 1) << 16 | (kEntries - 1));
    const auto address = [&](std::size_t at, Iova iova) {
        access_.bar0.write(at, static_cast<std::uint32_t>(iova.value));
        access_.bar0.write(at + 4, static_cast<std::uint32_t>(iova.value >> 32));
    };
    address(kAdminSubmissions, admin_.submissions);
    address(kAdminCompletions, admin_.completions);
    access_.bar0.write(kConfiguration, kEnable);
    return ready_becomes(true);
}

bool Controller::ready_becomes(bool on) const {
    const auto own = (capabilities() >> kTimeoutShift & 0xff) * 500;  // TO
    const auto limit = std::min(milliseconds(std::max<std::uint64_t>(own, 500)), kLongestWait);
    std::uint32_t status = kGone;
    return within(limit,
                  [&] {
                      status = access_.bar0.read<std::uint32_t>(kStatus);
                      // One that failed before says so until it is enabled again.
                      return status == kGone || (on && (status & kFatal) != 0) ||
                             ((status & kReady) != 0) == on;
                  }) &&
           status != kGone && ((status & kReady) != 0) == on;
}

bool Controller::fatal() const {
    const auto status = access_.bar0.read<std::uint32_t>(kStatus);
    return status == kGone || (status & kFatal) != 0;
}

std::uint64_t Controller::capabilities() const {
    return access_.bar0.read<std::uint32_t>(kCapabilities) |
           static_cast<std::uint64_t>(access_.bar0.read<std::uint32_t>(kCapabilities + 4)) << 32;
}

/// An answer that was blocked on its way is none, whatever the completion says.
bool Controller::ask(std::uint32_t what, std::uint32_t nsid) {
    memory_.answer.fill(kUnanswered);
    return carry_out({.opcode = kIdentify, .nsid = nsid, .data = {answer_.value, 0}, .dword10 = {what}}) &&
           std::ranges::any_of(memory_.answer, [](std::byte b) { return b != kUnanswered; });
}

/// Identify Controller: Base 5.17.2.1. Identify Namespace: NVM 4.1.5.1.
bool Controller::identify() {
    Identity found;
    if (!ask(kController)) return false;
    const auto mdts = *answer<std::uint8_t>(77);  // in pages of CAP.MPSMIN; 0: no limit
    if (mdts != 0 && mdts < 32) found.most_bytes = kPageSize << mdts;
    const auto sgls = *answer<std::uint32_t>(536) & 3;
    found.sgl = sgls == 1 ? Sgl::bytes : sgls == 2 ? Sgl::dwords : Sgl::none;
    if (!ask(kNamespaceList)) return false;
    found.nsid = *answer<std::uint32_t>(0);
    if (found.nsid == 0)
        throw LabError("the NVMe controller " + access_.label + " has no namespace to copy through");
    if (!ask(kNamespace, found.nsid)) return false;
    found.blocks = *answer<std::uint64_t>(0);      // NSZE
    const auto flbas = *answer<std::uint8_t>(26);  // which format: bits 6:5 and 3:0
    const auto format = *answer<std::uint32_t>(128 + 4 * ((flbas & 0xfU) | (flbas >> 1 & 0x30U)));  // LBAF
    found.metadata_bytes = format & 0xffff;                                                         // MS
    found.block_bytes = 1U << (format >> 16 & 0x1f);                                                // LBADS
    identity_ = found;
    return true;
}

bool Controller::create_queues() {
    constexpr std::uint32_t kSizeAndNumber = (kEntries - 1) << 16 | kIoQueue;
    return carry_out({.opcode = kSetFeatures, .dword10 = {kNumberOfQueues, 0}}) &&  // one of each kind
           carry_out({.opcode = kCreateCompletions,
                      .data = {io_.completions.value, 0},
                      .dword10 = {kSizeAndNumber, kContiguous}}) &&
           carry_out({.opcode = kCreateSubmissions,
                      .data = {io_.submissions.value, 0},
                      .dword10 = {kSizeAndNumber, kContiguous | kIoQueue << 16}});
}

bool Controller::carry_out(const Command& command) {
    submit(admin_, command);
    std::optional<Completion> done;
    const bool ended = within(kAdminLimit, [&] { return (done = next(admin_)).has_value() || fatal(); });
    return ended && done && done->ok();
}

void Controller::clear(Queue& queue) {
    *queue.memory = {};
    queue.tail = queue.head = 0;
    queue.phase = true;
}

void Controller::submit(const Command& command) { submit(io_, command); }
std::optional<Completion> Controller::next() { return next(io_); }

void Controller::submit(Queue& queue, const Command& command) const {
    queue.memory->submissions[queue.tail] = command;
    queue.tail = (queue.tail + 1) % kEntries;
    std::atomic_thread_fence(std::memory_order_seq_cst);  // the command and its data before the doorbell
    access_.bar0.write(queue.doorbell, queue.tail);
}

/// The phase tag of a new entry differs from that of the round before (Base 3.3.3.2.2).
std::optional<Completion> Controller::next(Queue& queue) const {
    auto& entry = queue.memory->completions[queue.head];
    const auto word = std::atomic_ref(entry.word).load(std::memory_order_acquire);
    Completion seen;
    seen.word = word;
    if (seen.phase() != queue.phase) return std::nullopt;
    queue.head = (queue.head + 1) % kEntries;
    if (queue.head == 0) queue.phase = !queue.phase;
    access_.bar0.write(queue.doorbell + stride_, queue.head);
    return seen;
}

}  // namespace landfall::nvme
