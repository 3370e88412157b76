// An NVMe controller with its admin queue and one pair of I/O queues, polled. No interrupts, no kernel
// driver.
//
// "Base" is the NVM Express Base Specification, revision 2.0; "NVM" the NVM Command Set Specification,
// revision 1.0; "PCIe" the NVMe over PCIe Transport Specification, revision 1.0.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "engines/engine.hpp"

namespace landfall::nvme {

/// Submission queue entry, Base 3.3.3.1.
struct Command {
    std::uint8_t opcode = 0;
    std::uint8_t flags = 0;  ///< bits 7:6, PSDT: what data pointer it has
    std::uint16_t id = 0;    ///< told apart by it; ours while it is under way
    std::uint32_t nsid = 0;
    std::array<std::uint32_t, 2> dword2{};
    std::uint64_t metadata = 0;
    std::array<std::uint64_t, 2> data{};  ///< DPTR: PRP entries 1 and 2, or one SGL descriptor
    std::array<std::uint32_t, 6> dword10{};
};
static_assert(sizeof(Command) == 64);

/// Completion queue entry, Base 3.3.3.2.
struct Completion {
    std::uint32_t result = 0, reserved = 0;
    std::uint16_t head = 0, queue = 0;
    std::uint32_t word = 0;  ///< dword 3: command identifier, phase tag, status
    [[nodiscard]] std::uint16_t id() const { return static_cast<std::uint16_t>(word); }
    [[nodiscard]] bool phase() const { return (word >> 16 & 1) != 0; }
    [[nodiscard]] bool ok() const { return (word >> 17 & 0x7ff) == 0; }  ///< Status Code and its Type
};
static_assert(sizeof(Completion) == 16);

constexpr std::uint32_t kEntries = 64;  // of each queue

/// One pair of queues; their memory is in the staging slice.
struct QueueMemory {
    alignas(4096) std::array<Command, kEntries> submissions;
    alignas(4096) std::array<Completion, kEntries> completions;
};

/// How data that is not whole blocks may be described (Identify Controller: SGLS, Base 5.17.2.1).
enum class Sgl { none, bytes, dwords };

/// What Identify is asked for, Base 5.17.1: CNS.
enum IdentifyWhat : std::uint32_t {
    kNamespace = 0x00,
    kController = 0x01,
    kNamespaceList = 0x02,
    kPrimaryCapabilities = 0x14,
    kSecondaryControllers = 0x15,
};

/// What Identify told.
struct Identity {
    std::uint32_t nsid = 0;         ///< the first active namespace
    std::uint32_t block_bytes = 0;  ///< of one logical block, without metadata
    std::uint32_t metadata_bytes = 0;
    std::uint64_t blocks = 0;
    std::uint64_t most_bytes = ~0ULL;  ///< of one command
    Sgl sgl = Sgl::none;
};

/// What the controller reads and writes for this file: 20 KiB of the staging slice.
struct ControllerMemory {
    QueueMemory admin, io;
    alignas(4096) std::array<std::byte, 4096> answer;
};

class Controller {
  public:
    /// `memory` is what the device finds at `iova`, a multiple of the page size.
    Controller(DeviceAccess access, ControllerMemory& memory, Iova iova);

    /// From any state to one with working I/O queues. False: it stays dead, or its queues are out of its
    /// reach.
    [[nodiscard]] bool restart();
    /// From any state to one with its admin queue alone.
    [[nodiscard]] bool enable();
    /// One admin command seen through.
    [[nodiscard]] bool carry_out(const Command& command);
    /// Identify with this CNS and namespace. False: nothing came back.
    [[nodiscard]] bool ask(std::uint32_t what, std::uint32_t nsid = 0);
    /// What was answered to it.
    template <class T>
    [[nodiscard]] const T* answer(std::size_t offset) const {
        return reinterpret_cast<const T*>(memory_.answer.data() + offset);
    }
    /// Valid after restart() has succeeded once.
    [[nodiscard]] const Identity& identity() const { return identity_; }

    /// Puts a command on the I/O queue and rings its doorbell. Fewer than kEntries are under way at a time.
    void submit(const Command& command);
    /// The next completion of an I/O command, in the order the controller posts them.
    [[nodiscard]] std::optional<Completion> next();
    /// It has given up (CSTS.CFS), or is gone from the bus: what is under way will not be completed.
    [[nodiscard]] bool fatal() const;

  private:
    /// The host's side of one pair of queues.
    struct Queue {
        QueueMemory* memory;
        Iova submissions, completions;
        std::size_t doorbell = 0;  ///< of the tail; the head's follows it
        std::uint32_t tail = 0, head = 0;
        bool phase = true;
    };
    [[nodiscard]] bool identify();
    [[nodiscard]] bool create_queues();
    [[nodiscard]] bool ready_becomes(bool on) const;
    static void clear(Queue& queue);
    void submit(Queue& queue, const Command& command) const;
    [[nodiscard]] std::optional<Completion> next(Queue& queue) const;
    [[nodiscard]] std::uint64_t capabilities() const;

    DeviceAccess access_;
    ControllerMemory& memory_;
    std::uint32_t stride_;  ///< from one doorbell to the next, bytes
    Iova answer_;
    Queue admin_, io_;
    Identity identity_;
};

}  // namespace landfall::nvme
