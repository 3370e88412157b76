// What the driver tells a device, and what it makes of the answer, with the device's side played by the test:
// registers that are plain memory, and descriptors read and written back by hand. Layouts as in igb.cpp,
// sections 7.1.5, 7.2.2.3.
#include <gtest/gtest.h>

#include <vector>

#include "engines/engine.hpp"

namespace landfall {
namespace {

constexpr std::size_t kTransmitTail = 0xe018, kReceiveTail = 0xc018;
constexpr std::uint64_t kDone = 1, kLast = 2;
constexpr Iova kStaging{0x70000000};
constexpr std::chrono::milliseconds kAtOnce{0};
constexpr std::size_t kRing = 512, kReceiveRing = 128, kCopies = 64, kHeader = 64;
constexpr std::size_t kHeaders = (kRing + kReceiveRing) * 16, kReturned = kHeaders + kCopies * kHeader, kNumber = 16;

struct Descriptor {
    std::uint64_t address, word;
    [[nodiscard]] std::uint64_t length() const { return word & 0xffff; }
    [[nodiscard]] bool ends_frame() const { return (word >> 24 & 1) != 0; }
};

class IgbTest : public testing::Test {
  protected:
    [[nodiscard]] Descriptor& transmit(std::size_t i) {
        return reinterpret_cast<Descriptor*>(staging_.data())[i];
    }
    [[nodiscard]] Descriptor& receive(std::size_t i) { return transmit(kRing + i); }
    [[nodiscard]] std::uint32_t tail(std::size_t at) const {
        return Registers(bar_view()).read<std::uint32_t>(at);
    }
    [[nodiscard]] std::span<std::byte> bar_view() const {
        return {const_cast<std::byte*>(bar_.data()), bar_.size()};
    }
    void write_back(std::size_t i, std::uint64_t status, std::uint64_t length) {
        receive(i % kReceiveRing).word = status | length << 32;
    }
    /// The frame of the n-th copy from 0 arrives where the `slot`-th was to.
    void arrive(std::size_t n, std::size_t slot, std::uint64_t length) {
        std::memcpy(staging_.data() + kReturned + slot % kCopies * kHeader + kNumber,
                    staging_.data() + kHeaders + n % kCopies * kHeader + kNumber, sizeof(std::uint64_t));
        write_back(slot, kDone | kLast, length);
    }
    [[nodiscard]] static CopyRequest nth(std::size_t n) { return {Iova{0x1000}, Iova{0x10000 + 0x1000 * n}, 8}; }
    void start(std::size_t count) {
        std::vector<CopyRequest> copies;
        for (std::size_t n = 0; n < count; ++n) copies.push_back(nth(n));
        engine_->start_all(copies);
    }

    std::vector<std::byte> bar_ = std::vector<std::byte>(128U << 10);
    alignas(128) std::array<std::byte, 32768> staging_{};
    std::unique_ptr<Engine> engine_ =
        make_igb({Registers(bar_view()), [] { return Errno{}; }}, {staging_, kStaging});
};

TEST_F(IgbTest, SendsItsHeaderThenThePayload) {
    engine_->start({Iova{0x1000}, Iova{0x5003}, 100});
    EXPECT_EQ(tail(kTransmitTail), 2U);
    EXPECT_EQ(tail(kReceiveTail), 1U);
    EXPECT_EQ(transmit(0).length(), 64U);
    EXPECT_FALSE(transmit(0).ends_frame());
    EXPECT_EQ(transmit(0).word >> 46, 164U);  // of the whole frame
    EXPECT_EQ(transmit(1).address, 0x1000U);
    EXPECT_EQ(transmit(1).length(), 100U);
    EXPECT_TRUE(transmit(1).ends_frame());
    EXPECT_EQ(receive(0).address, 0x5003U);
    // Both headers are in the slice, and not in each other's place.
    EXPECT_EQ(transmit(0).address, kStaging.value + kHeaders);
    EXPECT_EQ(receive(0).word, kStaging.value + kReturned);
}

TEST_F(IgbTest, CutsThePayloadAtPages) {
    engine_->start({Iova{0x1ffe}, Iova{0x5000}, 2 + 4096 + 3});
    ASSERT_EQ(tail(kTransmitTail), 4U);
    const std::array<std::pair<std::uint64_t, std::uint64_t>, 3> pieces{
        {{0x1ffe, 2}, {0x2000, 4096}, {0x3000, 3}}};
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        EXPECT_EQ(transmit(1 + i).address, pieces[i].first);
        EXPECT_EQ(transmit(1 + i).length(), pieces[i].second);
        EXPECT_EQ(transmit(1 + i).ends_frame(), i == 2);
    }
    EXPECT_EQ(tail(kReceiveTail), 1U);  // one buffer, however long
}

TEST_F(IgbTest, BelievesOnlyAWholeFrame) {
    const CopyRequest copy{Iova{0x1000}, Iova{0x2000}, 100};
    engine_->start(copy);
    EXPECT_EQ(engine_->wait(kAtOnce), Landing::Status::timeout);
    engine_->start(copy);
    write_back(1, kDone | kLast, 100);
    EXPECT_EQ(engine_->wait(kAtOnce), Landing::Status::done);

    struct Case {
        std::uint64_t status, length;
    };
    std::size_t slot = 2;
    for (const auto& c : {Case{kDone | kLast, 99}, Case{kDone | kLast, 101}, Case{kDone, 100},
                          Case{kDone | kLast | 1ULL << 31, 100}}) {
        engine_->start(copy);
        write_back(slot++, c.status, c.length);
        EXPECT_EQ(engine_->wait(kAtOnce), Landing::Status::error) << c.status << ' ' << c.length;
    }
}

TEST_F(IgbTest, GoesRoundTheRings) {
    for (std::size_t i = 0; i < 200; ++i) {
        engine_->start({Iova{0x1000}, Iova{0x2000 + i}, 8});
        EXPECT_EQ(receive(i % kReceiveRing).address, 0x2000 + i);
        arrive(i, i, 8);
        ASSERT_EQ(engine_->wait(kAtOnce), Landing::Status::done);
    }
    EXPECT_EQ(tail(kReceiveTail), 200 % kReceiveRing);
    EXPECT_EQ(tail(kTransmitTail), 2 * 200 % kRing);
}

TEST_F(IgbTest, HasManyUnderWayForOneDoorbell) {
    ASSERT_EQ(engine_->limits().in_flight, kCopies);
    start(kCopies);
    EXPECT_EQ(tail(kReceiveTail), kCopies);
    EXPECT_EQ(tail(kTransmitTail), 2 * kCopies);
    for (std::size_t n = 0; n < kCopies; ++n) {
        EXPECT_EQ(receive(n).address, nth(n).destination.value);
        arrive(n, n, 8);
        EXPECT_EQ(engine_->wait(kAtOnce), Landing::Status::done) << n;
    }
}

// The lost one's place is taken by the next, and so on: nobody may think that the IOMMU did it.
TEST_F(IgbTest, TellsWhereAFrameWentWhenOneBeforeItGotLost) {
    start(4);
    arrive(0, 0, 8);
    arrive(2, 1, 8);
    EXPECT_EQ(engine_->wait(kAtOnce), Landing::Status::done);
    EXPECT_EQ(engine_->wait(std::chrono::hours(1)), Landing::Status::timeout) << "it was overtaken: nothing to wait for";
    EXPECT_EQ(engine_->wait(kAtOnce), Arrival(Landing::Status::done, nth(1).destination));
    EXPECT_EQ(engine_->wait(kAtOnce), Landing::Status::timeout) << "not overtaken, and its time is over";
}

// What the device did not reach it does not write back, and goes on with the next descriptor.
TEST_F(IgbTest, LooksBehindADescriptorThatIsNeverWritten) {
    start(4);
    arrive(1, 1, 8);
    arrive(3, 3, 8);
    EXPECT_EQ(engine_->wait(std::chrono::hours(1)), Landing::Status::timeout);
    EXPECT_EQ(engine_->wait(kAtOnce), Landing::Status::done);
    EXPECT_EQ(engine_->wait(std::chrono::hours(1)), Landing::Status::timeout);
    EXPECT_EQ(engine_->wait(kAtOnce), Landing::Status::done);
}

TEST_F(IgbTest, TakesAFrameWithoutItsHeaderForTheOneThatWasExpected) {
    start(2);
    write_back(0, kDone | kLast, 8);
    write_back(1, kDone | kLast, 9);
    EXPECT_EQ(engine_->wait(kAtOnce), Landing::Status::done);
    EXPECT_EQ(engine_->wait(kAtOnce), Landing::Status::error);
}

TEST_F(IgbTest, SaysThatADeadDeviceIsDead) {
    EXPECT_FALSE(engine_->reset());  // CTRL.RST never clears itself in plain memory
}

}  // namespace
}  // namespace landfall
