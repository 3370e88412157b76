#include "landfall/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <thread>

namespace landfall {
namespace {

constexpr Iova kBeacon = Runner::kStaging.start;
constexpr std::uint64_t kBeaconBytes = kPageSize;
constexpr std::string_view kBeaconPrefix = "beacon.";
constexpr std::string_view kWitness = "witness";
constexpr std::uint64_t kViewBytes = 64;  // the least every engine can copy

// A step named something a step before it failed to make.
struct Missing {
    std::string name;
};

Answer ok() { return Answer{}; }
Answer failed(Errno e) { return Answer{e, std::nullopt, {}}; }

template <class T>
Answer answer(const Result<T>& r) {
    return failed(r.error);
}
Answer answer(const Result<std::uint64_t>& r) {
    return r.ok() ? Answer{{}, r.value, {}} : failed(r.error);
}

Line timed(Event event, Nanoseconds t) {
    Line line;
    line.when = Interval{t, t};
    line.body = std::move(event);
    return line;
}

Line fact_line(Fact fact) {
    Line line;
    line.body = std::move(fact);
    return line;
}

std::size_t bytes_of_a_lane(std::size_t staging, std::size_t devices) {
    const auto share = align_down(staging / std::max<std::size_t>(devices, 1), kPageSize);
    if (share < Lane::kLeastBytes) throw LabError(fmt::format("more than {} devices", staging / Lane::kLeastBytes));
    return std::min<std::size_t>(share, Lane::kMostBytes);
}

}  // namespace

Runner::Runner(Target& target, Sink sink, MemoryWitness* witness, Pumps pumps)
    : target_(target), sink_(std::move(sink)), witness_(witness), pumps_(pumps), arena_(kStaging.length - kBeaconBytes) {}

Runner::~Runner() = default;

std::vector<Line> Runner::begin() {
    std::vector<Line> head;
    std::size_t next = 0;
    const auto staging = arena_.staging();
    auto facts = target_.facts();
    const auto driven = [](const Fact& fact) {
        const auto* d = std::get_if<DeviceFact>(&fact);
        return d != nullptr && d->name != "-" ? d : nullptr;
    };
    const auto room = bytes_of_a_lane(staging.size(), static_cast<std::size_t>(std::ranges::count_if(facts, driven)));
    for (auto& fact : facts) {
        if (const auto* d = driven(fact); d != nullptr) {
            const DeviceId id{next};
            const auto offset = next++ * room;
            StagingSlice slice{staging.subspan(offset, room), kBeacon + kBeaconBytes + offset};
            if (const auto e = target_.iommu().open(id); !e.ok())
                throw LabError(fmt::format("cannot open {} ({}): {}", d->name, d->bdf.str(), e.str()));
            auto lane = std::make_unique<Lane>(target_, id, arena_, slice, bustle_);
            lane->open();
            devices_.emplace(d->name, Known{id, *d, std::move(lane)});
        }
        if (const auto* f = std::get_if<TextFact>(&fact); f != nullptr && f->key == "feature")
            features_.push_back(f->value);
        head.push_back(fact_line(std::move(fact)));
    }
    if (witness_ != nullptr) {
        features_.emplace_back(kWitness);
        head.push_back(fact_line(TextFact{"feature", std::string(kWitness)}));
    }
    head.push_back(fact_line(StagingFact{kStaging}));
    return head;
}

// Bytes that a DMA among others may have written, before they are taken for somebody else's. None starts meanwhile.
void Runner::settle() {
    std::vector<BufferSlice> strays;
    {
        const std::lock_guard lock(bustle_.mutex);
        if (bustle_.flying != 0 || !bustle_.doubtful.exchange(false)) return;
        strays = arena_.sweep();
    }
    for (auto& place : strays) emit(timed(StrayEvent{std::move(place)}, target_.now()));
}

Line Runner::step(Line line) {
    settle();
    const Bustle::Change change(bustle_, *line.step());
    line = attempt(std::move(line));
    if (line.when->end == Nanoseconds{}) line.when->end = target_.now();
    emit_events();
    return line;
}

bool Runner::block(std::vector<Line> steps) {
    settle();
    std::map<unsigned, std::vector<Line>> lanes;
    for (auto& line : steps) lanes[line.lane].push_back(std::move(line));
    std::atomic<std::ptrdiff_t> missing{std::ssize(lanes)};  // below 0 where the block was called off
    std::atomic<bool> met{true};
    std::exception_ptr trouble;
    const auto run = [&](std::vector<Line>& own) {
        // Not asleep: who has to be woken comes when the first step of another lane is over.
        for (--missing; missing > 0;) std::this_thread::yield();
        try {
            for (auto& step : own)
                if (!step_of_block(std::move(step))) met = false;
        } catch (...) {
            const std::lock_guard lock(sink_mutex_);
            trouble = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> threads;
        try {
            for (auto& [number, own] : lanes) threads.emplace_back(run, std::ref(own));
        } catch (...) {
            missing = 0;  // those that are there wait for no more
            throw;
        }
    }
    if (trouble) std::rethrow_exception(trouble);
    return met;
}

bool Runner::step_of_block(Line step) {
    const Bustle::Change change(bustle_, *step.step());
    auto line = attempt(std::move(step));
    emit_events();
    // The end is taken where no other step can come in between, so that ends are in the order of the lines.
    const std::lock_guard lock(sink_mutex_);
    if (line.when->end == Nanoseconds{}) line.when->end = target_.now();
    sink_(line);
    return !std::holds_alternative<Unmet>(*line.observed);
}

Line Runner::attempt(Line line) {
    Interval when{target_.now(), {}};
    Outcome outcome;
    try {
        if (auto why = target_.iommu().lacks(*line.step()); !why.empty()) outcome = Unmet{std::move(why)};
        else outcome = carry_out(*line.step(), when);
    } catch (const Missing& missing) {
        outcome = Broken{missing.name + " was never made: the step that should have made it failed"};
    }
    ++steps_;
    line.when = when;
    line.observed = std::move(outcome);
    return line;
}

std::vector<Line> Runner::finish() {
    for (auto& [name, device] : devices_) device.lane->close();
    std::vector<Line> tail;
    for (auto& e : target_.events()) tail.push_back(timed(std::move(e), target_.now()));
    for (auto& place : arena_.sweep()) tail.push_back(timed(StrayEvent{std::move(place)}, target_.now()));
    // Last: no DMA of ours is under way any more, and the memory it may be in is still ours.
    for (auto& line : search()) tail.push_back(std::move(line));
    tail.push_back(fact_line(EndFact{steps_}));
    return tail;
}

std::vector<Line> Runner::search() {
    std::vector<Line> out;
    if (witness_ == nullptr) return out;
    for (auto& place : witness_->look(arena_.key(), arena_.last_sequence(), arena_.pages()))
        if (told_.emplace(place.range.start, place.seq).second)
            out.push_back(timed(StrayEvent{std::move(place)}, target_.now()));
    return out;
}

void Runner::emit(Line line) {
    const std::lock_guard lock(sink_mutex_);
    sink_(line);
}

void Runner::emit_events() {
    const std::lock_guard lock(sink_mutex_);
    for (auto& e : target_.events()) sink_(timed(std::move(e), target_.now()));
}

Runner::Known& Runner::device(const std::string& name) {
    const auto it = devices_.find(name);
    if (it == devices_.end()) throw Missing{"device " + name};
    return it->second;
}

void Runner::remember(const std::string& name, const Space& space) {
    const std::lock_guard lock(objects_mutex_);
    objects_.emplace(name, space);
}

Runner::Space Runner::space(const std::string& name) {
    const std::lock_guard lock(objects_mutex_);
    const auto it = objects_.find(name);
    if (it == objects_.end()) throw Missing{name};
    return it->second;
}

Outcome Runner::carry_out(const Step& step, Interval& when) {
    auto& iommu = target_.iommu();
    return std::visit(
        Overloaded{
            [&](const Require& s) -> Outcome { return require(s); },
            [&](const Buffer& s) -> Outcome { return failed(arena_.add(s)); },
            [&](const Ioas& s) { return make_ioas(s); },
            [&](const Hwpt& s) { return make_hwpt(s); },
            [&](const Map& s) { return map(s); },
            [&](const IoasCopy& s) -> Outcome {
                const auto r = iommu.copy(object(s.destination), s.iova, object(s.source), s.range, s.access);
                return r.ok() && !s.iova ? Answer{{}, r.value.value, {}} : answer(r);
            },
            [&](const Unmap& s) -> Outcome { return answer(iommu.unmap(object(s.ioas), s.range)); },
            [&](const Attach& s) { return attach(s); },
            [&](const Detach& s) -> Outcome { return failed(iommu.detach(device(s.device).id)); },
            [&](const Destroy& s) { return destroy(s); },
            [&](const DeviceControl& s) { return control(s); },
            [&](const Ranges& s) -> Outcome {
                auto r = iommu.ranges(object(s.ioas));
                return Answer{r.error, std::nullopt, std::move(r.value)};
            },
            [&](const Allow& s) -> Outcome { return failed(iommu.allow(object(s.ioas), s.ranges)); },
            [&](const Option& s) -> Outcome { return failed(iommu.huge_pages(object(s.ioas), s.huge_pages)); },
            [&](const Dma& s) { return dma(s, when); },
            [&](const Start& s) { return start(s); },
            [&](const Wait& s) { return wait(s, when); },
            [&](const Pump& s) { return pump(s); },
            [&](const Halt& s) -> Outcome { return Answer{{}, device(s.device).lane->halt(), {}}; },
            [&](const View& s) { return view(s, when); },
            [&](const Sleep& s) -> Outcome {
                target_.sleep(s.duration);
                return ok();
            },
            [&](const Witness&) { return witness(); },
        },
        step);
}

Outcome Runner::require(const Require& step) {
    const auto group = [&](const std::string& name) { return device(name).fact.group; };
    switch (step.kind) {
        case Require::Kind::same_group:
        case Require::Kind::different_groups: {
            const bool same = step.kind == Require::Kind::same_group;
            for (std::size_t i = 0; i < step.names.size(); ++i)
                for (std::size_t j = i + 1; j < step.names.size(); ++j)
                    if ((group(step.names[i]) == group(step.names[j])) != same)
                        return Unmet{fmt::format("{} is in iommu_group {}, {} in {}", step.names[i],
                                                 group(step.names[i]), step.names[j], group(step.names[j]))};
            return ok();
        }
        case Require::Kind::engine:
            if (device(step.names[0]).fact.engine == step.names[1]) return ok();
            return Unmet{fmt::format("{} is driven by engine {}", step.names[0], device(step.names[0]).fact.engine)};
        case Require::Kind::feature:
            if (std::ranges::find(features_, step.names[0]) != features_.end()) return ok();
            return Unmet{fmt::format("this rig lacks {}", step.names[0])};
    }
    return ok();
}

Outcome Runner::make_ioas(const Ioas& step) {
    auto& iommu = target_.iommu();
    const auto made = iommu.ioas_alloc();
    if (!made.ok()) return failed(made.error);
    remember(step.name, Space{made.value, false});
    if (step.bare) return ok();
    const Buffer beacon{std::string(kBeaconPrefix) + step.name, kBeaconBytes};
    if (const auto e = arena_.add(beacon); !e.ok()) return Broken{"no memory for a beacon: " + e.str()};
    const auto memory = arena_.staging();
    const auto at = kBeacon + kBeaconBytes;
    auto page = arena_.memory({beacon.name, std::nullopt}, false);
    page.staging = true;
    auto r = iommu.map(made.value, kBeacon, page, {true, true});
    if (r.ok()) r = iommu.map(made.value, at, {memory.data(), memory.size(), -1, 0, true}, {true, true});
    return failed(r.error);
}

Outcome Runner::make_hwpt(const Hwpt& step) {
    const auto r = target_.iommu().hwpt_alloc(device(step.device).id, object(step.ioas));
    if (r.ok()) remember(step.name, Space{r.value, true});
    return failed(r.error);
}

Outcome Runner::map(const Map& step) {
    if (!arena_.has(step.memory.buffer)) throw Missing{step.memory.buffer};
    const auto memory = arena_.memory(step.memory, step.file);
    const auto r = target_.iommu().map(object(step.ioas), step.iova, memory, step.access);
    return r.ok() && !step.iova ? Answer{{}, r.value.value, {}} : answer(r);
}

// A destroyed name stays known: using its id again is a question worth asking the kernel (ENOENT).
// The answer names the page table: the one that was asked for, or one that the kernel made of an IOAS. Told is what is neither.
Outcome Runner::attach(const Attach& step) {
    const auto to = space(step.domain);
    const auto r = target_.iommu().attach(device(step.device).id, to.id);
    const bool right = r.value == ObjectId{} || (r.value == to.id) == to.hwpt;
    return r.ok() && !right ? Answer{{}, r.value.value, {}} : failed(r.error);
}

Outcome Runner::destroy(const Destroy& step) { return failed(target_.iommu().destroy(object(step.object))); }

Outcome Runner::control(const DeviceControl& step) {
    auto& d = device(step.device);
    switch (step.verb) {
        case DeviceControl::Verb::open: {
            const auto e = target_.iommu().open(d.id);
            if (e.ok()) d.lane->open();
            return failed(e);
        }
        case DeviceControl::Verb::close:
            d.lane->close();
            return failed(target_.iommu().close(d.id));
        case DeviceControl::Verb::reset: {
            const auto e = target_.iommu().reset(d.id);
            d.lane->forget();
            return failed(e);
        }
    }
    return ok();
}

Outcome Runner::dma(const Dma& step, Interval& when) {
    auto& lane = *device(step.request.device).lane;
    if (auto why = lane.refusal(step.request); !why.empty()) return Unmet{std::move(why)};
    auto done = lane.run(step.request);
    when = done.when;
    return std::move(done.landing);
}

Outcome Runner::start(const Start& step) {
    auto& lane = *device(step.request.device).lane;
    if (auto why = lane.refusal(step.request); !why.empty()) return Unmet{std::move(why)};
    lane.start(step.request);
    return ok();
}

Outcome Runner::wait(const Wait& step, Interval& when) {
    auto& lane = *device(step.device).lane;
    if (!lane.in_flight()) return Broken{step.device + " has no DMA in flight: its start did not happen"};
    auto done = lane.wait();
    when.end = done.when.end;
    return std::move(done.landing);
}

Outcome Runner::pump(const Pump& step) {
    auto& lane = *device(step.request.device).lane;
    for (const auto& request : step.typical())
        if (auto why = lane.refusal(request); !why.empty()) return Unmet{std::move(why)};
    if (pumps_ == Pumps::bare) {
        lane.pump(step, {});
        return ok();
    }
    lane.pump(step, [this](const Lane::Done& done) {
        auto line = timed(DmaEvent{done.request, done.times}, done.when.end);
        line.when = done.when;
        line.observed = done.landing;
        emit(std::move(line));
    });
    return ok();
}

Outcome Runner::view(const View& step, Interval& when) {
    auto& lane = *device(step.device).lane;
    const DmaRequest probe{step.device, DmaRequest::Verb::read, {kBeacon, kViewBytes}, std::nullopt};
    if (auto why = lane.refusal(probe); !why.empty()) return Unmet{std::move(why)};
    const auto done = lane.run(probe);
    when = done.when;
    const auto& from = done.landing.from;
    if (from.size() != 1 || !from[0].place || !from[0].place->buffer.starts_with(kBeaconPrefix)) return Sighting{};
    return Sighting{from[0].place->buffer.substr(kBeaconPrefix.size())};
}

Outcome Runner::witness() {
    if (witness_ == nullptr) return Unmet{"nobody sees all memory of this rig"};
    for (auto& line : search()) emit(std::move(line));
    return ok();
}

}  // namespace landfall
