// A target for tests of the runner: one group, page-granular translation, DMA done at once. Nothing of a real IOMMU's
// rules is in it; it does what it is told.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <mutex>

#include "landfall/error.hpp"
#include "landfall/target.hpp"

namespace landfall {

class FakeTarget final : public Target, private Iommu {
  public:
    bool blocked = false;       ///< every DMA faults
    bool engine_dies = false;   ///< every copy times out
    ObjectId names_table{};     ///< what an attach answers
    bool reads_zeros = false;   ///< what a blocked source gives; else nothing is written
    std::uint32_t granule = 1;  ///< the engine knows it once it was reset
    bool forbidden = false;     ///< the engine must not be reset
    std::atomic<bool> refused{false};
    std::atomic<std::uint64_t> copies{0};  ///< started
    std::uint32_t in_flight = 1;           ///< copies the engine can have under way
    std::uint64_t fails = 0;               ///< the one of all copies that ends with an error, from 1 ...
    bool stays_failed = false;             ///< ... and all that follow it until a reset
    std::atomic<std::uint64_t> loses{0};   ///< the one of all copies that gets lost on its way: the next ones arrive each in the place of the one before
    std::atomic<std::uint64_t> skips{0};   ///< the one of all copies that writes nothing and is done all the same
    std::atomic<std::uint64_t> strays{0};  ///< the one of all copies that goes where the IOVA behind leads ...
    std::atomic<std::uint64_t> stray_by{0};  ///< ... by so many bytes
    std::atomic<std::uint64_t> most_flying{0};
    std::vector<Nanoseconds> resets;
    std::byte* astray = nullptr;  ///< a page that what is not mapped leads to, instead of a fault
    std::vector<Event> to_report;
    std::function<void()> on_sleep;

    std::vector<Fact> facts() override {
        return {TextFact{"feature", "good-humour"}, DeviceFact{"a", *Bdf::parse("0000:00:08.0"), 1, 2, 5, "fake", {}},
                DeviceFact{"b", *Bdf::parse("0000:00:08.1"), 1, 2, 5, "fake", {}}};
    }
    Iommu& iommu() override { return *this; }
    std::unique_ptr<Engine> engine(DeviceId, StagingSlice) override { return std::make_unique<FakeEngine>(*this); }
    Nanoseconds now() override { return {++clock_}; }
    void sleep(Nanoseconds) override {
        if (on_sleep) on_sleep();
    }
    std::vector<Event> events() override { return std::exchange(to_report, {}); }

    /// Memory a device reaches at an IOVA; nullptr: a fault.
    std::byte* translate(Iova iova) {
        const std::lock_guard lock(mutex_);
        if (blocked || domain_.value == 0) return nullptr;
        const auto& pages = spaces_[domain_.value];
        const auto it = pages.find(align_down(iova.value, kPageSize));
        if (it == pages.end()) return astray == nullptr ? nullptr : astray + iova.value % kPageSize;
        return it->second + iova.value % kPageSize;
    }

  private:
    class FakeEngine final : public Engine {
      public:
        explicit FakeEngine(FakeTarget& target) : target_(target) {}
        Limits limits() const override {
            return {8, 16384, 1, target_.in_flight, Iova{~0ULL}, std::chrono::milliseconds(1), {}, known_ ? target_.granule : 1};
        }
        bool reset() override {
            if (target_.forbidden) {
                target_.refused = true;
                throw LabError("not mine");
            }
            target_.resets.push_back(target_.now());
            flying_ = 0;
            buffers_.clear();
            arrivals_.clear();
            failed_ = false;
            return known_ = true;
        }
        void start(const CopyRequest& c) override {
            flying_ = std::min(flying_ + 1, target_.in_flight + 1);
            target_.most_flying = std::max<std::uint64_t>(target_.most_flying, flying_);
            const auto nth = ++target_.copies;
            buffers_.push_back(c.destination);
            arrivals_.emplace_back(nth == target_.loses ? Landing::Status::timeout : Landing::Status::done);
            if (nth == target_.loses) return;
            const auto destination = buffers_.front();
            buffers_.pop_front();
            if (destination != c.destination) arrivals_.back().elsewhere = destination;
            if (target_.engine_dies || nth == target_.skips) return;
            const auto off = nth == target_.strays ? target_.stray_by.load() : 0;
            for (std::uint32_t i = 0; i < c.length; i += 8) {
                auto* from = target_.translate(c.source + i);
                auto* to = target_.translate(destination + i + off);
                if (to == nullptr) continue;
                if (from != nullptr) word_at(to).store(word_at(from).load());
                else if (target_.reads_zeros) word_at(to).store(0);
            }
        }
        Arrival wait(std::chrono::milliseconds) override {
            const auto arrival = arrivals_.front();
            arrivals_.pop_front();
            if (--flying_, ++waited_ == target_.fails) failed_ = true;
            if (waited_ == target_.fails || (failed_ && target_.stays_failed)) return Landing::Status::error;
            return target_.engine_dies ? Landing::Status::timeout : arrival;
        }

      private:
        /// Two devices may write one word, and somebody may look at it meanwhile.
        static std::atomic_ref<std::uint64_t> word_at(std::byte* at) {
            return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(at));
        }

        FakeTarget& target_;
        bool known_ = false;
        std::uint32_t flying_ = 0;
        std::deque<Iova> buffers_;  ///< in which nothing has arrived
        std::deque<Arrival> arrivals_;
        std::uint64_t waited_ = 0;
        bool failed_ = false;
    };

    Errno open(DeviceId) override { return {}; }
    Errno close(DeviceId) override { return {}; }
    Errno reset(DeviceId) override { return {ENOTTY}; }
    Result<ObjectId> ioas_alloc() override {
        const std::lock_guard lock(mutex_);
        return {{}, {++objects_}};
    }
    Result<ObjectId> hwpt_alloc(DeviceId, ObjectId) override { return {{EOPNOTSUPP}, {}}; }
    Errno destroy(ObjectId) override { return {EBUSY}; }
    Result<Iova> map(ObjectId ioas, std::optional<Iova> iova, Memory m, Access) override {
        const std::lock_guard lock(mutex_);
        const Iova at = iova.value_or(Iova{0x9000});
        for (std::uint64_t i = 0; i < m.length; i += kPageSize) spaces_[ioas.value][at.value + i] = m.address + i;
        return {{}, at};
    }
    Result<Iova> copy(ObjectId, std::optional<Iova>, ObjectId, IovaRange, Access) override { return {{EINVAL}, {}}; }
    Result<std::uint64_t> unmap(ObjectId ioas, std::optional<IovaRange> r) override {
        const std::lock_guard lock(mutex_);
        std::erase_if(spaces_[ioas.value], [&](const auto& p) { return !r || r->contains(Iova{p.first}); });
        return {{}, r ? r->length : 0};
    }
    Result<std::vector<IovaRange>> ranges(ObjectId) override { return {{}, {{Iova{0}, 4096}}}; }
    Errno allow(ObjectId, std::span<const IovaRange>) override { return {}; }
    Errno huge_pages(ObjectId, bool) override { return {}; }
    Result<ObjectId> attach(DeviceId, ObjectId domain) override {
        const std::lock_guard lock(mutex_);
        domain_ = domain;
        return {{}, names_table};
    }
    Errno detach(DeviceId) override {
        const std::lock_guard lock(mutex_);
        domain_ = {};
        return {};
    }

    std::atomic<std::uint64_t> clock_{0};
    std::mutex mutex_;  ///< lanes call side by side
    std::uint32_t objects_ = 0;
    ObjectId domain_;
    std::map<std::uint32_t, std::map<std::uint64_t, std::byte*>> spaces_;
};

}  // namespace landfall
