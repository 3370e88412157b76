// What the drivers of a virtual function and of its physical function tell the port, with the port played by
// the test. Layouts as in igb_queues.cpp and igbvf.cpp.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "engines/engine.hpp"
#include "landfall/error.hpp"

namespace landfall {
namespace {

constexpr Iova kStaging{0x70000000};
constexpr std::size_t kReceiveQueue = 0x2800, kTransmitQueue = 0x3800, kTail = 0x18, kOn = 0x28;
constexpr std::size_t kReceivers = 0xc8c, kTransmitters = 0xc90;

class Bar {
  public:
    [[nodiscard]] Registers registers() const {
        return Registers({const_cast<std::byte*>(bytes_.data()), bytes_.size()});
    }
    [[nodiscard]] std::uint32_t at(std::size_t offset) const {
        return registers().read<std::uint32_t>(offset);
    }

  private:
    std::vector<std::byte> bytes_ = std::vector<std::byte>(128U << 10);
};

// ---- the virtual function

struct Descriptor {
    std::uint64_t address, word;
    [[nodiscard]] std::uint64_t length() const { return word & 0xffff; }
    [[nodiscard]] bool ends_frame() const { return (word >> 24 & 1) != 0; }
};

class IgbVfTest : public testing::Test {
  protected:
    [[nodiscard]] std::unique_ptr<Engine> engine(unsigned vf) {
        const auto reset = [this] {
            ++resets_;
            return answer_;
        };
        return make_igbvf({bar_.registers(), reset, "a", false, vf}, {staging_, kStaging});
    }
    [[nodiscard]] Descriptor& transmit(std::size_t i) {
        return reinterpret_cast<Descriptor*>(staging_.data())[i];
    }
    [[nodiscard]] Descriptor& receive(std::size_t i) { return transmit(512 + i); }
    /// Destination and source of the frame whose first piece this is.
    [[nodiscard]] std::string addresses(const Descriptor& d) const {
        return {reinterpret_cast<const char*>(staging_.data()) + (d.address - kStaging.value), 12};
    }

    Bar bar_;
    alignas(128) std::array<std::byte, 32768> staging_{};
    Errno answer_{};
    int resets_ = 0;
};

std::string station(int last) { return {'\x02', 'L', 'F', 0, 0, static_cast<char>(last)}; }

TEST_F(IgbVfTest, SetsUpItsOwnQueueAndNoMore) {
    ASSERT_TRUE(engine(0)->reset());
    EXPECT_EQ(resets_, 1);
    for (const auto queue : {kReceiveQueue, kTransmitQueue}) EXPECT_EQ(bar_.at(queue + kOn), 1U << 25);
    EXPECT_EQ(bar_.at(kTransmitQueue + 8), 512 * sizeof(Descriptor));
    EXPECT_EQ(bar_.at(kReceiveQueue + 8), 128 * sizeof(Descriptor));
    EXPECT_EQ(bar_.at(kTransmitQueue), kStaging.value);
    EXPECT_EQ(bar_.at(kReceiveQueue), kStaging.value + 512 * sizeof(Descriptor));
    for (const std::size_t port : {0x0UL, 0x18UL, 0x100UL, 0x400UL, 0x5400UL, kReceivers, kTransmitters})
        EXPECT_EQ(bar_.at(port), 0U) << port;
}

TEST_F(IgbVfTest, SendsToAnAddressOfItsOwn) {
    for (const unsigned vf : {0U, 3U}) {
        const auto e = engine(vf);
        ASSERT_TRUE(e->reset());
        e->start({Iova{0x1000}, Iova{0x5000}, 100});
        EXPECT_EQ(addresses(transmit(1)), station(1 + vf) + station(1 + vf));
    }
}

// What the transmitter skips after a reset is a frame nobody would have received.
TEST_F(IgbVfTest, BeginsWithALostFrameAfterEveryReset) {
    const auto e = engine(1);
    for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(e->reset());
        e->start({Iova{0x1000}, Iova{0x5000}, 100});
        ASSERT_EQ(bar_.at(kTransmitQueue + kTail), 3U);
        EXPECT_EQ(bar_.at(kReceiveQueue + kTail), 1U);  // no buffer for it
        EXPECT_EQ(addresses(transmit(0)), station(0) + station(2));
        EXPECT_TRUE(transmit(0).ends_frame());
        EXPECT_EQ(transmit(0).word >> 46, transmit(0).length());
        EXPECT_FALSE(transmit(1).ends_frame());
        EXPECT_EQ(transmit(1).word >> 46, 164U);
        EXPECT_EQ(transmit(2).address, 0x1000U);
        EXPECT_TRUE(transmit(2).ends_frame());
        receive(0).word = 3 | 100ULL << 32;
        EXPECT_EQ(e->wait(std::chrono::milliseconds(0)), Landing::Status::done);
    }
    e->start({Iova{0x1000}, Iova{0x5000}, 100});
    EXPECT_EQ(bar_.at(kTransmitQueue + kTail), 5U);
}

TEST_F(IgbVfTest, IsDeadIfItCannotBeReset) {
    answer_ = {EIO};
    EXPECT_FALSE(engine(0)->reset());
    EXPECT_EQ(bar_.at(kTransmitQueue + kOn), 0U);
}

// ---- its physical function

/// The port: its resets and the words to its PHY end, and its link comes up.
class LivingPort {
  public:
    [[nodiscard]] const Bar& bar() const { return bar_; }

  private:
    void live(const std::stop_token& end) const {
        const auto r = bar_.registers();
        for (; !end.stop_requested(); std::this_thread::sleep_for(std::chrono::microseconds(100))) {
            if (const auto control = r.read<std::uint32_t>(0); (control >> 26 & 1) != 0)
                r.write(0, control & ~(1U << 26));
            if (const auto mdi = r.read<std::uint32_t>(0x20); (mdi >> 28 & 1) == 0)
                r.write(0x20, mdi | 1U << 28);
            r.write<std::uint32_t>(8, 1U << 1);
        }
    }

    Bar bar_;
    std::jthread life_{[this](const std::stop_token& end) { live(end); }};
};

std::unique_ptr<PhysicalFunction> physical(const Bar& bar) {
    return make_igb_physical({bar.registers(), [] { return Errno{}; }, "0000:01:00.0"}, 8, {});
}

TEST(IgbPhysical, GivesEachVirtualFunctionAPoolOfItsOwn) {
    const LivingPort port;
    const auto& bar = port.bar();
    const auto function = physical(bar);
    for (unsigned vf = 0; vf < 8; ++vf) {
        EXPECT_EQ(bar.at(0x5400 + 8 * vf), 0x00464c02U);
        EXPECT_EQ(bar.at(0x5404 + 8 * vf), 1U << 31 | 1U << (18 + vf) | (1 + vf) << 8);
    }
    EXPECT_EQ(bar.at(0x5818), 3U);
    EXPECT_EQ(bar.at(0x581c), 1U << 29);
    EXPECT_NE(bar.at(0x100) & 1U << 1, 0U);
    EXPECT_EQ(bar.at(kReceivers), 0U);
    EXPECT_EQ(bar.at(kTransmitters), 0U);
}

TEST(IgbPhysical, EnablesWhoAsksAndNobodyElse) {
    const LivingPort port;
    const auto function = physical(port.bar());
    EXPECT_TRUE(function->enable(2));
    EXPECT_EQ(port.bar().at(kReceivers), 1U << 2);
    EXPECT_EQ(port.bar().at(kTransmitters), 1U << 2);
    EXPECT_FALSE(function->enable(8));
    EXPECT_EQ(port.bar().at(kReceivers), 1U << 2);
    {
        std::vector<std::jthread> lanes;
        for (unsigned vf = 0; vf < 8; ++vf)
            lanes.emplace_back([&, vf] { EXPECT_TRUE(function->enable(vf)); });
    }
    EXPECT_EQ(port.bar().at(kReceivers), 0xffU);
    EXPECT_EQ(port.bar().at(kTransmitters), 0xffU);
}

TEST(IgbPhysical, OneThatIsDeadIsNamed) {
    const Bar bar;
    try {
        std::ignore = physical(bar);
        FAIL();
    } catch (const LabError& e) {
        EXPECT_STREQ(e.what(), "the physical function 0000:01:00.0 does not come up");
    }
}

}  // namespace
}  // namespace landfall
