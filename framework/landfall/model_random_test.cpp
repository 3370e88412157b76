// Steps of valid scenarios at random, with right answers and wrong ones: whatever happens, a model goes on.
// The seeds are fixed, so a failure is found again.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "landfall/model.hpp"

namespace landfall {
namespace {

constexpr const char* kFacts[] = {
    "kernel \"7.3.4\"",
    "device a 0000:00:08.0 1234:11e8 group 2 engine edu",
    "device b 0000:00:08.1 1234:11e8 group 2 engine edu",
    "device c 0000:00:09.0 1234:11e8 group 3 engine edu",
    "device - 0000:00:0a.0 8086:10c9 group 3 engine -",
    "reserved 2 0xfee00000+1M",
    "reserved 4 0x8000000+1M",
    "staging 0x70000000+1M",
};

// Names are declared once, before use; objects may be gone or closed when they are used.
class Author {
  public:
    explicit Author(std::uint64_t seed) : engine_(seed) {}

    Step step() {
        if (ioases_.empty() || below(20) == 0) return Ioas{declare(ioases_, "i"), below(4) == 0};
        if (buffers_.empty() || below(20) == 0)
            return buffer();
        switch (below(12)) {
            case 0: {
                const auto ioas = one_of(ioases_);
                return Hwpt{declare(hwpts_, "h"), ioas, device()};
            }
            case 1:
            case 2: return Map{one_of(ioases_), iova(), {one_of(buffers_), span()}, access(), below(8) == 0};
            case 3: return IoasCopy{one_of(ioases_), iova(), one_of(ioases_), range(), access()};
            case 4: return Unmap{one_of(ioases_), below(6) == 0 ? std::nullopt : std::optional(range())};
            case 5: return Detach{device()};
            case 6: return Destroy{domain()};
            case 7: return DeviceControl{static_cast<DeviceControl::Verb>(below(3)), device()};
            case 8: return Allow{one_of(ioases_), {range()}};
            case 9: return Option{one_of(ioases_), below(2) == 0};
            default: return Attach{device(), domain(), below(2) == 0};
        }
    }

    // Nearly always one that the model allows.
    Answer answer(const Prediction& p) {
        Answer out;
        if (p.any_error || below(10) == 0)
            out.error = Errno{below(2) == 0 ? ENOENT : EINVAL};
        else if (!p.allowed.empty())
            out.error = p.allowed[below(p.allowed.size())];
        if (out.error.ok() && below(10) != 0) out.value = p.value.value_or(kPageSize * (1 + below(4096)));
        return out;
    }

  private:
    std::uint64_t below(std::uint64_t n) { return engine_() % n; }
    const std::string& one_of(const std::vector<std::string>& names) { return names[below(names.size())]; }
    std::string declare(std::vector<std::string>& names, const char* prefix) {
        return names.emplace_back(prefix + std::to_string(names.size()));
    }
    std::string device() { return std::string(1, "abc"[below(3)]); }
    Buffer buffer() {
        Buffer out{declare(buffers_, "p"), 4 * kPageSize, false, true};
        switch (below(4)) {
            case 0: out.read_only = out.whole(); break;
            case 1: out.read_only = {below(4) * kPageSize, kPageSize}; break;
            default: out.skew = 512 * below(2);
        }
        return out;
    }
    std::string domain() { return one_of(hwpts_.empty() || below(2) == 0 ? ioases_ : hwpts_); }
    Access access() { return below(3) == 0 ? Access{true, false} : Access{true, true}; }
    Iova place() {
        constexpr std::uint64_t kPlaces[] = {0x200000, 0x200100, 0x203000, 0xfee00000, 0x70000000, ~0xfffULL};
        return {kPlaces[below(std::size(kPlaces))]};
    }
    std::optional<Iova> iova() { return below(5) == 0 ? std::nullopt : std::optional(place()); }
    IovaRange range() {
        const auto start = place();
        return {start, std::min(kPageSize << below(4), ~start.value + 1)};
    }
    std::optional<BufferSlice::Span> span() {
        return below(2) == 0 ? std::nullopt
                             : std::optional(BufferSlice::Span{512 * below(8), kPageSize << below(2)});
    }

    std::mt19937_64 engine_;
    std::vector<std::string> ioases_, hwpts_, buffers_;
};

class RandomSteps : public testing::TestWithParam<std::string> {};

TEST_P(RandomSteps, NeverThrowAndAlwaysClone) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        auto model = make_model(GetParam());
        for (const auto* fact : kFacts) static_cast<void>(model->fact(*parse_line(fact, "<test>", 1).fact()));
        Author author(seed);
        for (unsigned n = 0; n < 300; ++n) {
            const auto step = author.step();
            const auto answer = author.answer(model->predict(step));
            static_cast<void>(model->objection(step, answer));
            const auto before = model->clone();
            ASSERT_TRUE(before->same_state(*model));
            const auto changes = model->apply(step, answer);
            ASSERT_EQ(changes.size(), before->clone()->apply(step, answer).size());
            const bool nothing_happened = !answer.error.ok() && !std::holds_alternative<Unmap>(step);
            ASSERT_TRUE(!nothing_happened || (changes.empty() && before->same_state(*model))) << print(step);
            static_cast<void>(before->apply(step, answer));
            ASSERT_TRUE(before->same_state(*model)) << print(step);
        }
    }
}

std::string test_name(const testing::TestParamInfo<std::string>& model) {
    auto name = model.param;
    std::ranges::replace(name, '-', '_');
    return name;
}
INSTANTIATE_TEST_SUITE_P(Models, RandomSteps, testing::ValuesIn(model_names()), test_name);

TEST(Models, OfDifferentNamesAreNeverTheSame) {
    for (const auto& one : model_names())
        for (const auto& other : model_names())
            EXPECT_EQ(make_model(one)->same_state(*make_model(other)), one == other);
}

}  // namespace
}  // namespace landfall
