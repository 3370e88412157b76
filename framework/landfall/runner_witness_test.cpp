// The runner with a witness who sees all memory of this very process: stamps stand in the lab's pages, where DMA has
// left them, and in no copy that the program keeps.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "landfall/fake_target_test.hpp"
#include "landfall/runner.hpp"
#include "landfall/scenario.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// What a sanitizer keeps beside ours must not be touched, and it keeps what is long freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

// Virtual addresses stand for those of the machine.
class SelfWitness final : public MemoryWitness {
  public:
    std::vector<GuestPlace> look(const StampKey& key, std::uint64_t last,
                                 std::span<const std::span<const std::byte>> pages) override {
        StampSearch search{key, last, {}};
        for (const auto& p : pages) search.owned.push_back({{reinterpret_cast<std::uintptr_t>(p.data())}, p.size()});
        std::ranges::sort(search.owned);
        std::vector<GuestPlace> out;
        for (const auto& memory : writable())
            for (const auto& f : find_stamps(memory, {reinterpret_cast<std::uintptr_t>(memory.data())}, search))
                out.push_back({f.range, f.sequence, "this process"});
        return out;
    }

  private:
    static std::vector<std::span<const std::byte>> writable() {
        std::vector<std::span<const std::byte>> out;
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) {
            std::uintptr_t from = 0, to = 0;
            char dash = 0;
            std::string rights;
            std::istringstream(line) >> std::hex >> from >> dash >> to >> rights;
            if (rights.starts_with("rw"))
                out.emplace_back(reinterpret_cast<const std::byte*>(from), to - from);
        }
        return out;
    }
};

class RunnerWitness : public testing::Test {
  protected:
    FakeTarget target_;
    SelfWitness witness_;
    std::vector<Line> events_;
    Runner runner_{target_, [this](const Line& line) { events_.push_back(line); }, &witness_};
    alignas(kPageSize) std::array<std::byte, kPageSize> elsewhere_{};

    void SetUp() override {
        if (kSanitized) GTEST_SKIP() << "all of this process is looked through, and that is not ours alone";
        (void)runner_.begin();
    }
    void run(const std::string& text) {
        for (auto& line : Scenario::parse(text).lines)
            if (line.step() != nullptr) std::ignore = runner_.step(std::move(line));
    }
    std::string at(std::uint64_t offset, const char* length) {
        return "stray guest " + hex_str(reinterpret_cast<std::uintptr_t>(elsewhere_.data()) + offset) + "+" + length;
    }
};

constexpr const char* kOneAttached =
    "buffer p1 8K\nbuffer p2 4K\nioas one\nmap one 0x200000 p1 rw\nmap one 0x300000 p2 rw\nattach a one\n";

std::string with(const std::string& steps) { return std::string(kOneAttached) + steps + "\n"; }

TEST_F(RunnerWitness, TellsSoInItsHead) {
    FakeTarget target;
    Runner runner(target, {}, &witness_);
    std::vector<std::string> head;
    for (const auto& line : runner.begin()) head.push_back(print(line));
    EXPECT_THAT(head, testing::Contains("feature \"witness\""));
}

TEST_F(RunnerWitness, KeepsNoStampWhereNoDeviceWrites) {
    run(with("dma a write 0x200010+4K\ndma a read 0x200000+8K\ndma a copy 0x200000+4K to 0x300000\n"
             "dma a copy 0x200000+64 to 0x201040\ndma a write 0x900000+4K\ndma a copy 0x200000+64 to 0x900000\n"
             "start a write 0x200000+4K\nwait a\npump b write 0x201000+4K\nsleep 1ms\nhalt b\nview a\nwitness"));
    for (const auto& e : events_) EXPECT_THAT(print(e), testing::Not(HasSubstr("stray")));
    EXPECT_THAT(runner_.finish(), SizeIs(1));
}

TEST_F(RunnerWitness, FindsAWriteThatWentAstray) {
    target_.astray = elsewhere_.data();
    run(with("dma a write 0x900040+64"));
    const auto tail = runner_.finish();
    ASSERT_THAT(tail, SizeIs(2));
    EXPECT_THAT(print(tail[0]), HasSubstr(at(0x40, "64 seq 4 \"this process\"")));
}

TEST_F(RunnerWitness, FindsACopyThatWentAstray) {
    target_.astray = elsewhere_.data();
    run(with("dma a copy 0x200000+4K to 0x900000"));
    const auto tail = runner_.finish();
    ASSERT_THAT(tail, SizeIs(2));
    EXPECT_THAT(print(tail[0]), HasSubstr(at(0, "4K seq 1 ")));
}

TEST_F(RunnerWitness, AStepFindsWhatIsThereByThenAndItIsToldOnce) {
    target_.astray = elsewhere_.data();
    run(with("witness"));
    EXPECT_THAT(events_, IsEmpty());
    run("dma a write 0x900000+64\nwitness\nwitness");
    ASSERT_THAT(events_, SizeIs(1));
    EXPECT_THAT(print(events_[0]), HasSubstr(at(0, "64")));
    run("dma a write 0x900800+64");
    const auto tail = runner_.finish();
    ASSERT_THAT(tail, SizeIs(2));
    EXPECT_THAT(print(tail[0]), HasSubstr(at(0x800, "64")));
}

TEST(RunnerWithoutWitness, AStepForItIsUnmet) {
    FakeTarget target;
    Runner runner(target, {});
    std::ignore = runner.begin();
    const auto ran = runner.step(parse_line("witness", "t", 1));
    EXPECT_EQ(print(*ran.observed), "unmet \"nobody sees all memory of this rig\"");
    EXPECT_THAT(runner.finish(), SizeIs(1));
}

}  // namespace
}  // namespace landfall
