// The engine against a controller played by a thread of the test: registers that are plain memory, queues
// served as the specifications named in nvme_controller.hpp have it, and memory that can be put out of its
// reach.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "engines/engine.hpp"
#include "landfall/error.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

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
    std::atomic<bool> stumbles{false};           ///< says that it failed, and completes I/O commands all the same
    std::atomic<bool> silent{false};             ///< blocked transfers look like good ones, as in QEMU
    std::atomic<std::uint8_t> held{0};           ///< an opcode of I/O commands it leaves for later
    std::atomic<bool> last_first{false};         ///< takes what it has left in reverse
    std::atomic<unsigned> taken{0};              ///< I/O commands carried out

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
            put(536, traits.sgls);
        } else {
            put(0, std::uint32_t{1});
        }
        auto* answer = at(to);
        if (answer == nullptr) return kTransferError;
        std::ranges::copy(page, answer);
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
    std::thread thread_;
};

struct alignas(4096) StagingMemory {
    std::array<std::byte, kStagingBytes> bytes{};
};

class NvmeTest : public testing::Test {
  protected:
    NvmeTest() { fill(); }

    std::unique_ptr<Engine> make(bool scratch = true) {
        const auto reset = [this] {
            ++function_resets_;
            return Errno{};
        };
        return make_nvme({Registers(device_.bar), reset, "a (0000:00:08.0)", scratch},
                         {staging_->bytes, kStaging});
    }
    std::unique_ptr<Engine> up() {
        auto engine = make();
        EXPECT_TRUE(engine->reset());
        return engine;
    }
    std::string refusal() {
        try {
            std::ignore = make()->reset();
        } catch (const LabError& e) {
            return e.what();
        }
        return "none";
    }
    /// Every byte of memory differs from its neighbours.
    void fill() {
        for (std::size_t i = 0; i < kRamBytes; ++i) device_.ram[i] = static_cast<std::byte>(i * 7 + i / 251);
    }
    Landing::Status copy(Engine& engine, std::uint64_t from, std::uint64_t to, std::uint32_t length) {
        engine.start({kRam + from, kRam + to, length, false});
        return engine.wait(kLimit);
    }
    /// That it copies these bytes, and changes no others.
    void expect_copied(Engine& engine, std::uint64_t from, std::uint64_t to, std::uint32_t length) {
        fill();
        auto expected = device_.ram;
        std::copy_n(device_.ram.begin() + static_cast<std::ptrdiff_t>(from), length,
                    expected.begin() + static_cast<std::ptrdiff_t>(to));
        EXPECT_EQ(copy(engine, from, to, length), Landing::Status::done)
            << from << ' ' << to << ' ' << length;
        EXPECT_TRUE(device_.ram == expected) << from << ' ' << to << ' ' << length;
    }
    static constexpr milliseconds kLimit{10'000};
    std::unique_ptr<StagingMemory> staging_ = std::make_unique<StagingMemory>();
    FakeController device_{staging_->bytes};
    unsigned function_resets_ = 0;
};

TEST_F(NvmeTest, CopiesAnyNumberOfBytesFromAnywhereToAnywhere) {
    const auto engine = up();
    EXPECT_EQ(engine->limits().granule, 1U);
    EXPECT_EQ(engine->limits().max_length, 16384U);
    for (const std::uint32_t length : {1U, 64U, 511U, 512U, 513U, 4096U, 8000U, 16384U})
        for (const std::uint64_t offset : {0U, 0x40U, 0xfc3U})
            expect_copied(*engine, 0x1000 + offset, 0x12345, length);
    EXPECT_EQ(function_resets_, 0U);
}

TEST_F(NvmeTest, WithoutScatterGatherListsItCopiesBlocks) {
    device_.traits.sgls = 0;
    const auto engine = up();
    EXPECT_EQ(engine->limits().granule, 512U);
    EXPECT_EQ(engine->limits().alignment, 4U);
    for (const std::uint32_t length : {512U, 4096U, 8192U, 16384U})
        for (const std::uint64_t offset : {0U, 0x40U, 0xe00U, 0xffcU})
            expect_copied(*engine, 0x1000 + offset, 0x12344, length);
}

TEST_F(NvmeTest, SaysWhatTheControllerSaid) {
    device_.traits.sgls = 2;
    device_.traits.mdts = 1;
    const auto engine = make();
    EXPECT_EQ(engine->limits().max_length, 16384U);  // it is not known yet
    ASSERT_TRUE(engine->reset());
    EXPECT_EQ(engine->limits().granule, 4U);
    EXPECT_EQ(engine->limits().alignment, 4U);
    EXPECT_EQ(engine->limits().max_length, 8192U);
}

TEST_F(NvmeTest, ABlockedSourceWritesNothing) {
    const auto engine = up();
    ASSERT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::done);
    fill();
    const auto before = device_.ram;
    device_.blocked_page = (kRam + 0x1000).value;
    EXPECT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::error);
    EXPECT_TRUE(device_.ram == before) << "the blocks' old content was taken for the source's";
    ASSERT_TRUE(engine->reset());
    expect_copied(*engine, 0x2000, 0x9000, 64);
}

TEST_F(NvmeTest, AControllerThatHidesABlockedSourceCopiesZeros) {
    const auto engine = up();
    ASSERT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::done);
    device_.silent = true;
    device_.blocked_page = (kRam + 0x1000).value;
    EXPECT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::done);
    EXPECT_TRUE(std::all_of(&device_.ram[0x9000], &device_.ram[0x9040],
                            [](std::byte b) { return b == std::byte{0}; }));
}

TEST_F(NvmeTest, ABlockedDestinationIsAnError) {
    const auto engine = up();
    device_.blocked_page = (kRam + 0x9000).value;
    EXPECT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::error);
}

TEST_F(NvmeTest, ComesBackOnceItsQueuesAreInReachAgain) {
    const auto engine = up();
    device_.rings_blocked = true;
    EXPECT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::error);  // CSTS.CFS
    EXPECT_FALSE(engine->reset());
    EXPECT_EQ(function_resets_, 1U);
    device_.rings_blocked = false;
    ASSERT_TRUE(engine->reset());
    expect_copied(*engine, 0x1000, 0x9000, 64);
}

// Seen of QEMU 10.0.2 when a completion met a group that was just being moved.
TEST_F(NvmeTest, AFailureThatIsOvercomeIsOfTheCopyDuringWhichItHappened) {
    const auto engine = up();
    device_.stumbles = true;
    EXPECT_EQ(copy(*engine, 0x1000, 0x9000, 64), Landing::Status::error);
    device_.stumbles = false;
    ASSERT_TRUE(engine->reset());
    expect_copied(*engine, 0x1000, 0x9000, 64);
}

TEST_F(NvmeTest, LeavesTheTransferThatMattersInFlight) {
    const auto engine = up();
    device_.held = kWrite;  // its reading of the source
    auto before = device_.taken.load();
    engine->start({kRam + 0x1000, kRam + 0x9000, 64, false});
    EXPECT_EQ(device_.taken, before);
    device_.held = 0;
    EXPECT_EQ(engine->wait(kLimit), Landing::Status::done);

    device_.held = kRead;  // its writing of the destination
    before = device_.taken;
    engine->start({kStaging + 0x8000, kRam + 0x9000, 64, true});
    EXPECT_EQ(device_.taken, before + 1);
    device_.held = 0;
    EXPECT_EQ(engine->wait(kLimit), Landing::Status::done);
}

TEST_F(NvmeTest, KeepsSeveralCopiesApartInWhateverOrderTheyAreDone) {
    const auto engine = up();
    ASSERT_EQ(engine->limits().in_flight, 4U);
    device_.last_first = true;
    for (int round = 0; round < 40; ++round) {
        fill();
        auto expected = device_.ram;
        device_.held = kWrite;
        for (std::uint64_t i = 0; i < 4; ++i) {
            engine->start({kRam + 0x1000 * i, kRam + (0x10000 + 0x1000 * i), 700, false});
            std::copy_n(device_.ram.begin() + static_cast<std::ptrdiff_t>(0x1000 * i), 700,
                        expected.begin() + static_cast<std::ptrdiff_t>(0x10000 + 0x1000 * i));
        }
        device_.held = 0;
        for (int i = 0; i < 4; ++i) ASSERT_EQ(engine->wait(kLimit), Landing::Status::done);
        ASSERT_TRUE(device_.ram == expected) << round;
    }
}

TEST_F(NvmeTest, IsForNamespacesThatAreScratch) {
    try {
        std::ignore = make(false);
        FAIL();
    } catch (const LabError& e) {
        EXPECT_THAT(e.what(), HasSubstr("a (0000:00:08.0) stores things"));
        EXPECT_THAT(e.hint(), HasSubstr("scratch: true"));
    }
}

TEST_F(NvmeTest, IsForNamespacesThatAreEmpty) {
    const auto last = device_.disk.size() - 1;
    for (const std::size_t at : {std::size_t{510}, std::size_t{0x10040}, last - 0x1ffff, last}) {
        device_.disk[at] = std::byte{0x55};
        EXPECT_THAT(refusal(), HasSubstr("it holds something at byte " + std::to_string(at)));
        EXPECT_EQ(device_.disk[at], std::byte{0x55});
        device_.disk[at] = {};
    }
    // What an earlier session has left between them is nobody's.
    device_.disk[1U << 20] = std::byte{0x55};
    EXPECT_EQ(refusal(), "none");
}

TEST_F(NvmeTest, IsForNamespacesItUnderstands) {
    device_.traits.blocks = 1024;
    EXPECT_THAT(refusal(), HasSubstr("524288 bytes, expected 4 MiB at least"));
    device_.traits.blocks = 1U << 14;
    device_.traits.format = 9U << 16 | 8;
    EXPECT_THAT(refusal(), HasSubstr("512+8 bytes"));
}

TEST_F(NvmeTest, SaysThatADeadControllerIsDead) {
    const auto engine = up();
    device_.die();
    EXPECT_FALSE(engine->reset());  // CSTS.RDY stays
    std::ranges::fill(device_.bar, std::byte{0xff});
    EXPECT_FALSE(engine->reset());  // gone from the bus
    EXPECT_THAT(refusal(), HasSubstr("does not answer"));
}

}  // namespace
}  // namespace landfall
