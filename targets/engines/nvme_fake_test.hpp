// A controller played by a thread of the test: registers that are plain memory, queues served as the
// specifications named in nvme_controller.hpp have it, and memory that can be put out of its reach.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "engines/engine.hpp"

namespace landfall {

constexpr Iova kStaging{0x70000000}, kRam{0x100000};
constexpr std::size_t kRamBytes = 256U << 10, kStagingBytes = 64U << 10;
constexpr std::size_t kCc = 0x14, kCsts = 0x1c, kAqa = 0x24, kAsq = 0x28, kAcq = 0x30, kDoorbells = 0x1000;
constexpr std::uint32_t kBlock = 512;
constexpr std::uint8_t kRead = 2, kWrite = 1;
constexpr std::uint16_t kTransferError = 0x04, kInvalid = 0x02;

// What a test may change about the controller before it comes up.
struct Traits {
    std::uint32_t sgls = 1;
    std::uint8_t mdts = 7;
    std::uint64_t blocks = 1U << 14;
    std::uint32_t format = 9U << 16;  ///< blocks of 512 bytes
};

/// Secondary controllers: their ids are not the numbers of their virtual functions, and in no order.
struct Secondary {
    std::uint16_t id, vfn;
    std::array<std::uint32_t, 2> assigned{};  ///< queues, interrupts
    bool online = false;
};

class FakeController {
  public:
    explicit FakeController(std::span<std::byte> staging) : staging_(staging), thread_([this] { serve(); }) {}
    ~FakeController() { die(); }
    /// From now on its registers are memory.
    void die() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }

    Traits traits;
    std::vector<std::byte> bar = std::vector<std::byte>(16U << 10);
    std::vector<std::byte> ram = std::vector<std::byte>(kRamBytes);
    std::vector<std::byte> disk = std::vector<std::byte>(8U << 20);
    std::atomic<std::uint64_t> blocked_page{0};  ///< its data transfers fail
    std::atomic<bool> rings_blocked{false};      ///< it reaches nothing in the staging slice
    std::atomic<bool> stumbles{false};    ///< says that it failed, and completes I/O commands all the same
    std::atomic<bool> silent{false};      ///< blocked transfers look like good ones, as in QEMU
    std::atomic<std::uint8_t> held{0};    ///< an opcode of I/O commands it leaves for later
    std::atomic<bool> last_first{false};  ///< takes what it has left in reverse
    std::atomic<unsigned> taken{0};       ///< I/O commands carried out

    std::vector<Secondary> secondaries{{7, 3}, {9, 1}, {4, 2}};
    static constexpr std::uint16_t kPrimary = 6;
    std::array<std::uint32_t, 2> lendable{14, 7}, of_primary = lendable;  ///< queues, interrupts
    /// What it gave up is free from now on.
    void reset_function() { of_primary = next_of_primary_; }

    [[nodiscard]] std::byte* at(std::uint64_t iova) {
        if (iova - kStaging.value < kStagingBytes)
            return rings_blocked ? nullptr : staging_.data() + (iova - kStaging.value);
        if (iova - kRam.value < kRamBytes && align_down(iova, kPageSize) != blocked_page)
            return ram.data() + (iova - kRam.value);
        return nullptr;
    }

  private:
    struct Ring {
        std::uint64_t submissions = 0, completions = 0;
        std::uint32_t size = 0, head = 0, tail = 0;
        bool phase = true;
    };
    struct Piece {
        std::uint64_t iova;
        std::uint32_t length;
    };
    template <class T>
    std::atomic_ref<T> reg(std::size_t offset) {
        return std::atomic_ref(*reinterpret_cast<T*>(bar.data() + offset));
    }
    template <class T>
    T peek(std::uint64_t iova) {
        T out;
        std::memcpy(&out, at(iova), sizeof out);
        return out;
    }
    using Words = std::array<std::uint32_t, 16>;

    void serve() {
        for (; !stop_; std::this_thread::yield()) {
            const bool enable = (reg<std::uint32_t>(kCc) & 1) != 0;
            if (enable != enabled_) {
                enabled_ = enable;
                take_offline();
                rings_ = {};
                const auto size = (reg<std::uint32_t>(kAqa) & 0xfff) + 1;
                rings_[0] = {reg<std::uint64_t>(kAsq), reg<std::uint64_t>(kAcq), size};
                for (std::size_t i = 0; i < 4; ++i) reg<std::uint32_t>(kDoorbells + 4 * i) = 0;
                reg<std::uint32_t>(kCsts) = enable ? 1 : 0;
            }
            for (std::size_t q = 0; enabled_ && q < rings_.size(); ++q) take(q);
        }
    }
    void take(std::size_t q) {
        auto& ring = rings_[q];
        if (ring.size == 0) return;
        for (const auto tail = reg<std::uint32_t>(kDoorbells + 8 * q).load(); ring.head != tail;
             ring.head = (ring.head + 1) % ring.size) {
            if (at(ring.submissions) == nullptr) return fail();
            waiting_.push_back(peek<Words>(ring.submissions + ring.head * 64));
        }
        for (auto& command : std::exchange(waiting_, {})) {
            const auto opcode = static_cast<std::uint8_t>(command[0]);
            if (q != 0 && opcode == held)
                held_.push_back(command);
            else
                complete(ring, command, q == 0 ? admin(command) : io(command));
        }
        if (held != 0) return;
        if (last_first) std::ranges::reverse(held_);
        for (auto& command : std::exchange(held_, {})) complete(rings_[1], command, io(command));
    }
    void fail() { reg<std::uint32_t>(kCsts) = 3; }
    void complete(Ring& ring, const Words& command, std::uint16_t status) {
        auto* entry = at(ring.completions + ring.tail * 16);
        if (entry == nullptr) return fail();
        if (stumbles && &ring != &rings_[0]) fail();
        const auto word =
            command[0] >> 16 | (ring.phase ? 1U << 16 : 0) | static_cast<std::uint32_t>(status) << 17;
        std::atomic_ref(*reinterpret_cast<std::uint32_t*>(entry + 12)).store(word, std::memory_order_release);
        ring.tail = (ring.tail + 1) % ring.size;
        if (ring.tail == 0) ring.phase = !ring.phase;
    }

    std::uint16_t admin(const Words& c) {
        const auto data = c[6] | static_cast<std::uint64_t>(c[7]) << 32;
        switch (c[0] & 0xff) {
            case 0x09: return 0;
            case 0x05: rings_[1].completions = data; return 0;
            case 0x01:
                rings_[1].submissions = data;
                rings_[1].size = (c[10] >> 16) + 1;
                return 0;
            case 0x06: return identify(c[10], data);
            case 0x1c:
                return manage(c[10] & 0xf, c[10] >> 8 & 7, static_cast<std::uint16_t>(c[10] >> 16), c[11]);
            default: return kInvalid;
        }
    }
    std::uint16_t identify(std::uint32_t what, std::uint64_t to) {
        std::array<std::byte, 4096> page{};
        const auto put = [&](std::size_t offset, auto value) {
            std::memcpy(page.data() + offset, &value, sizeof value);
        };
        if (what == 0) {
            put(0, traits.blocks);
            put(128, traits.format);
        } else if (what == 1) {
            put(77, traits.mdts);
            put(78, kPrimary);
            put(536, traits.sgls);
        } else if (what == 0x14) {
            for (std::size_t i = 0; i < 2; ++i) {
                put(32 + 32 * i, lendable[i]);
                put(40 + 32 * i, static_cast<std::uint16_t>(of_primary[i]));
            }
        } else if (what == 0x15) {
            put(0, static_cast<std::uint8_t>(secondaries.size()));
            for (std::size_t i = 0; i < secondaries.size(); ++i) {
                put(32 + 32 * i, secondaries[i].id);
                put(40 + 32 * i, secondaries[i].vfn);
            }
        } else {
            put(0, std::uint32_t{1});
        }
        auto* answer = at(to);
        if (answer == nullptr) return kTransferError;
        std::ranges::copy(page, answer);
        return 0;
    }
    void take_offline() {
        for (auto& s : secondaries) s = {s.id, s.vfn};
    }
    std::uint16_t manage(std::uint32_t action, std::uint32_t resource, std::uint16_t id,
                         std::uint32_t count) {
        if (action == 1 && id == kPrimary) return next_of_primary_.at(resource) = count, 0;
        const auto s = std::ranges::find(secondaries, id, &Secondary::id);
        if (s == secondaries.end()) return kInvalid;
        std::uint32_t free = lendable.at(resource) - of_primary.at(resource);
        for (const auto& other : secondaries) free -= other.assigned.at(resource);
        if (action == 8 && free >= count && !s->online) return s->assigned.at(resource) = count, 0;
        if (action != 9 || s->assigned[0] < 2 || s->assigned[1] < 1) return kInvalid;
        s->online = true;
        return 0;
    }
    std::uint16_t io(const Words& c) {
        ++taken;
        const auto opcode = static_cast<std::uint8_t>(c[0]);
        const std::uint64_t first = c[10] | static_cast<std::uint64_t>(c[11]) << 32;
        const auto length = (c[12] + 1) * kBlock;
        if (opcode != kRead && opcode != kWrite) return kInvalid;
        if ((first + c[12] + 1) > traits.blocks) return kInvalid;
        if ((c[0] >> 14 & 3) != 0 && traits.sgls == 0) return kInvalid;
        auto* stored = disk.data() + first * kBlock;
        for (const auto& piece : pieces(c, length)) {
            for (std::uint32_t i = 0; i < piece.length; ++i, ++stored) {
                auto* memory = at(piece.iova + i);
                if (memory == nullptr && !silent) return kTransferError;
                if (opcode == kWrite)
                    *stored = memory == nullptr ? std::byte{0} : *memory;
                else if (memory != nullptr)
                    *memory = *stored;
            }
        }
        return 0;
    }
    std::vector<Piece> pieces(const Words& c, std::uint32_t length) {
        const auto one = c[6] | static_cast<std::uint64_t>(c[7]) << 32,
                   two = c[8] | static_cast<std::uint64_t>(c[9]) << 32;
        if ((c[0] >> 14 & 3) == 0) return by_pages(one, two, length);
        if (c[9] >> 24 == 0) return {{one, c[8]}};
        std::vector<Piece> out;
        for (std::uint64_t d = one; d < one + c[8]; d += 16)
            out.push_back({peek<std::uint64_t>(d), peek<std::uint32_t>(d + 8)});
        return out;
    }
    std::vector<Piece> by_pages(std::uint64_t one, std::uint64_t two, std::uint32_t length) {
        std::vector<Piece> out;
        const auto add = [&](std::uint64_t iova) {
            const auto n = std::min(length, static_cast<std::uint32_t>(kPageSize - iova % kPageSize));
            out.push_back({iova, n});
            length -= n;
        };
        add(one);
        if (length > kPageSize)
            for (; length > 0; two += 8) add(peek<std::uint64_t>(two));
        else if (length > 0)
            add(two);
        return out;
    }

    std::span<std::byte> staging_;
    std::atomic<bool> stop_{false};
    bool enabled_ = false;
    std::array<Ring, 2> rings_{};
    std::vector<Words> waiting_, held_;
    std::array<std::uint32_t, 2> next_of_primary_ = of_primary;
    std::thread thread_;
};

struct alignas(4096) StagingMemory {
    std::array<std::byte, kStagingBytes> bytes{};
};

}  // namespace landfall
