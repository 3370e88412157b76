#include "sim/play.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "landfall/validate.hpp"

namespace landfall::sim {
namespace {

constexpr std::uint64_t kViewBytes = 64;
constexpr std::uint64_t kLongestDma = 64U << 10;
constexpr std::string_view kBeaconPrefix = "beacon.";
constexpr const char* kFeatures[] = {"iommufd", "hwpt",  "map-file",    "huge-buffers",
                                     "kernel-log", "reset", "every-fault", "witness", "reserved-at-0xfee00000"};

Line fact_line(Fact fact) {
    Line line;
    line.body = std::move(fact);
    return line;
}

Line event_line(Event event, Interval when) {
    Line line;
    line.when = when;
    line.body = std::move(event);
    return line;
}

// Why no engine takes such a DMA; empty if it does.
std::string refusal(const DmaRequest& r) {
    if (r.range.length <= kLongestDma) return {};
    return fmt::format("{}'s engine copies 8 to {} bytes at once, not {}", r.device, kLongestDma,
                       r.range.length);
}

}  // namespace

Config default_config() {
    Config c;
    c.functions = {{"a", {0, 0, 8, 0}, 2, std::nullopt, 0},
                   {"b", {0, 0, 8, 1}, 2, std::nullopt, 0},
                   {"c", {0, 0, 9, 0}, 3, std::nullopt, 1}};
    return c;
}

Play::Play(const Config& config, Decider& decider, OnLine on_line)
    : config_(config), on_line_(std::move(on_line)), machine_(config_, decider, [this](Event e) {
          const auto now = machine_.scheduler().now();
          emit(event_line(std::move(e), {now, now}));
      }) {}

void Play::emit(Line line) {
    if (on_line_) on_line_(line);
}

std::vector<Line> Play::head() const {
    std::vector<Line> out{fact_line(TextFact{"kernel", "simulated"}), fact_line(TextFact{"iommu", "sim"})};
    for (const auto* feature : kFeatures) out.push_back(fact_line(TextFact{"feature", feature}));
    std::vector<std::uint32_t> groups;
    for (const auto& f : config_.functions) {
        out.push_back(fact_line(DeviceFact{f.name, f.bdf, 0x1d1d, 0x51e1, f.group, "sim", f.alias}));
        if (std::ranges::find(groups, f.group) == groups.end()) groups.push_back(f.group);
    }
    for (const auto group : groups) out.push_back(fact_line(ReservedFact{group, kMsiWindow}));
    out.push_back(fact_line(StagingFact{kStaging}));
    return out;
}

void Play::run(std::span<const Line> steps) {
    std::map<unsigned, std::vector<Line>> lanes;
    for (const auto& line : steps) lanes[line.lane].push_back(line);
    std::uint64_t actors = 0;
    for (auto& [number, lines] : lanes) {
        actors |= std::uint64_t{1} << number;
        machine_.scheduler().spawn(ActorId::lane(number), lane(std::move(lines)));
    }
    machine_.scheduler().run_until_gone(actors);
}

void Play::run(const Scenario& scenario) {
    const std::span<const Line> lines = scenario.lines;
    std::vector<Line> steps;
    for (std::size_t i = 0; i < lines.size() && !over();) {
        const auto block = lines.subspan(i, block_length(lines.subspan(i)));
        i += block.size();
        steps.clear();
        std::ranges::copy_if(block, std::back_inserter(steps), [](const Line& l) { return l.step() != nullptr; });
        if (!steps.empty()) run(steps);
    }
    finish();
}

void Play::finish() {
    for (const auto& f : config_.functions)
        machine_.scheduler().kill(ActorId::dma(machine_.number(device(f.name))));
    const auto now = machine_.scheduler().now();
    for (const auto& place : machine_.strays()) emit(event_line(StrayEvent{place}, {now, now}));
    tell_elsewhere();
    emit(fact_line(EndFact{steps_}));
}

// What was told before is not told again.
void Play::tell_elsewhere() {
    const auto now = machine_.scheduler().now();
    for (auto& place : machine_.elsewhere())
        if (told_.emplace(place.range.start, place.seq).second)
            emit(event_line(StrayEvent{std::move(place)}, {now, now}));
}

Task<> Play::lane(std::vector<Line> steps) {
    auto& scheduler = machine_.scheduler();
    for (auto& line : steps) {
        co_await scheduler.step();
        scheduler.touch(Touch::Kind::begin, 0);
        const auto begin = scheduler.now();
        if (config_.refill)
            for (auto& [name, pump] : pumps_) pump.budget = config_.burst;
        const auto lacking = missing(*line.step());
        Outcome outcome = Broken{lacking + " was never made: the step that should have made it failed"};
        if (lacking.empty()) outcome = co_await carry_out(*line.step());
        co_await scheduler.step();
        scheduler.touch(Touch::Kind::end, 0);
        ++steps_;
        line.when = Interval{begin, scheduler.now()};
        over_ = over_ || std::holds_alternative<Unmet>(outcome) || std::holds_alternative<Broken>(outcome);
        line.observed = std::move(outcome);
        emit(std::move(line));
        if (over_) co_return;
    }
}

std::string Play::missing(const Step& step) {
    for (const auto& name : devices_of(step))
        if (machine_.device(name) == nullptr) return "device " + name;
    const auto object = [&](const std::string& name) {
        return objects_.contains(name) ? std::string() : name;
    };
    return std::visit(Overloaded{
                          [&](const landfall::Hwpt& s) { return object(s.ioas); },
                          [&](const Map& s) {
                              return machine_.memory().find(s.memory.buffer) ? object(s.ioas)
                                                                             : s.memory.buffer;
                          },
                          [&](const IoasCopy& s) {
                              auto name = object(s.source);
                              return name.empty() ? object(s.destination) : name;
                          },
                          [&](const Unmap& s) { return object(s.ioas); },
                          [&](const Attach& s) { return object(s.domain); },
                          [&](const Destroy& s) { return object(s.object); },
                          [&](const Ranges& s) { return object(s.ioas); },
                          [&](const Allow& s) { return object(s.ioas); },
                          [&](const Option& s) { return object(s.ioas); },
                          [](const auto&) { return std::string(); },
                      },
                      step);
}

Task<Outcome> Play::carry_out(const Step& step) {
    auto& kernel = machine_.iommufd();
    return std::visit(
        Overloaded{
            [&](const Require& s) { return instantly(require(s)); },
            [&](const Buffer& s) { return instantly(buffer(s)); },
            [&](const landfall::Ioas& s) { return make_ioas(s); },
            [&](const landfall::Hwpt& s) { return make_hwpt(s); },
            [&](const Map& s) { return map(s); },
            [&](const IoasCopy& s) { return copy(s); },
            [&](const Unmap& s) { return answering(ioas(s.ioas).unmap(s.range)); },
            [&](const Attach& s) {
                const auto& to = objects_.at(s.domain);
                auto& d = device(s.device);
                return answering(to.hwpt != nullptr ? kernel.attach(d, *to.hwpt)
                                                    : kernel.attach(d, *to.ioas));
            },
            [&](const Detach& s) { return answering(kernel.detach(device(s.device))); },
            [&](const Destroy& s) {
                const auto& o = objects_.at(s.object);
                return answering(o.hwpt != nullptr ? kernel.destroy(*o.hwpt) : kernel.destroy(*o.ioas));
            },
            [&](const DeviceControl& s) { return control(s); },
            [&](const Ranges& s) { return ranges(s); },
            [&](const Allow& s) { return answering(ioas(s.ioas).allow(s.ranges)); },
            [&](const Option& s) { return answering(ioas(s.ioas).huge_pages(s.huge_pages)); },
            [&](const Dma& s) { return dma(s); },
            [&](const Start& s) { return instantly(start(s)); },
            [&](const Wait& s) { return wait(s); },
            [&](const landfall::Pump& s) { return instantly(pump(s)); },
            [&](const Halt& s) { return halt(s); },
            [&](const View& s) { return view(s); },
            [&](const Sleep& s) { return pause(s); },
            [&](const Witness&) { return instantly(witness()); },
        },
        step);
}

Task<Outcome> Play::instantly(Outcome outcome) { co_return outcome; }

Task<Outcome> Play::answering(Task<Answer> task) { co_return Outcome(co_await std::move(task)); }

Outcome Play::require(const Require& step) {
    const auto group = [&](const std::string& name) { return device(name).group->number; };
    switch (step.kind) {
        case Require::Kind::same_group:
        case Require::Kind::different_groups:
            for (std::size_t i = 0; i < step.names.size(); ++i)
                for (std::size_t j = i + 1; j < step.names.size(); ++j)
                    if ((group(step.names[i]) == group(step.names[j])) !=
                        (step.kind == Require::Kind::same_group))
                        return Unmet{fmt::format("{} is in iommu_group {}, {} in {}", step.names[i],
                                                 group(step.names[i]), step.names[j], group(step.names[j]))};
            return Answer{};
        case Require::Kind::engine:
            if (step.names[1] == "sim") return Answer{};
            return Unmet{fmt::format("{} is driven by engine sim", step.names[0])};
        case Require::Kind::feature:
            if (std::ranges::find(kFeatures, step.names[0]) != std::end(kFeatures)) return Answer{};
            return Unmet{"this rig lacks " + step.names[0]};
    }
    return Answer{};
}

Outcome Play::buffer(const Buffer& step) {
    static_cast<void>(machine_.memory().add(step));
    return Answer{};
}

// The window the lab maps before anything else: a beacon of its own, then the rings of all devices.
Task<Outcome> Play::make_ioas(const landfall::Ioas& step) {
    auto& made = machine_.iommufd().make_ioas();
    objects_[step.name].ioas = &made;
    if (step.bare) co_return Answer{};
    auto& memory = machine_.memory();
    const auto& beacon =
        memory.add({std::string(kBeaconPrefix) + step.name, kPageSize});
    const auto& rest = memory.add({"", kStaging.length - kPageSize});
    for (const auto* block : {&beacon, &rest}) {
        const auto at = block == &beacon ? kStaging.start : kStaging.start + kPageSize;
        std::vector<Piece> pieces{{{block, 0}, block->size, {true, true}, true}};
        const auto answer = co_await made.map(at, std::move(pieces));
        if (!answer.error.ok()) co_return answer;
    }
    co_return Answer{};
}

Task<Outcome> Play::make_hwpt(const landfall::Hwpt& step) {
    sim::Hwpt* made = nullptr;
    const auto answer = co_await machine_.iommufd().make_hwpt(device(step.device), ioas(step.ioas), made);
    if (made != nullptr) objects_[step.name].hwpt = made;
    co_return answer;
}

Task<Outcome> Play::map(const Map& step) {
    const auto* block = machine_.memory().find(step.memory.buffer);
    const auto span = step.memory.span.value_or(BufferSlice::Span{0, block->size});
    const auto offset = step.file && config_.faults.has(Fault::map_file_from_start) ? 0 : span.offset;
    std::vector<Piece> pieces{{{block, block->skew + offset}, span.length, step.access, step.access.write, step.file}};
    co_return co_await ioas(step.ioas).map(step.iova, std::move(pieces));
}

Task<Outcome> Play::copy(const IoasCopy& s) {
    co_return co_await machine_.iommufd().copy(ioas(s.destination), s.iova, ioas(s.source), s.range,
                                               s.access);
}

Task<Outcome> Play::ranges(const Ranges& step) {
    co_await machine_.scheduler().step();
    co_return ioas(step.ioas).ranges();
}

Task<Outcome> Play::control(const DeviceControl& step) {
    auto& d = device(step.device);
    auto& kernel = machine_.iommufd();
    switch (step.verb) {
        case DeviceControl::Verb::open: co_return co_await kernel.open(d);
        case DeviceControl::Verb::close: co_return co_await kernel.close(d);
        case DeviceControl::Verb::reset: break;
    }
    if (const auto answer = co_await kernel.reset(d); !answer.error.ok()) co_return answer;
    machine_.scheduler().kill(ActorId::dma(machine_.number(d)));
    if (const auto flight = flights_.find(step.device); flight != flights_.end()) flight->second.done = true;
    co_return Answer{};
}

// ---- DMA
// ------------------------------------------------------------------------------------------------------

Task<Outcome> Play::dma(const Dma& step) {
    if (auto why = refusal(step.request); !why.empty()) co_return Unmet{std::move(why)};
    if (!device(step.request.device).bus_master)
        co_return Unmet{step.request.device + " is not open, or no engine drives it"};
    Flight flight{step.request, {}, {}, false};
    co_await machine_.transfer(device(step.request.device), flight);
    co_return flight.landing;
}

Outcome Play::start(const Start& step) {
    if (auto why = refusal(step.request); !why.empty()) return Unmet{std::move(why)};
    auto& d = device(step.request.device);
    if (!d.bus_master) return Unmet{d.name + " is not open, or no engine drives it"};
    machine_.scheduler().touch(Touch::Kind::signal, machine_.signal(d));
    auto& flight = flights_[d.name] = Flight{step.request, {}, unheard_of(step.request), false};
    machine_.scheduler().spawn(ActorId::dma(machine_.number(d)), machine_.transfer(d, flight));
    return Answer{};
}

Task<Outcome> Play::wait(const Wait& step) {
    const auto it = flights_.find(step.device);
    if (it == flights_.end())
        co_return Broken{step.device + " has no DMA in flight: its start did not happen"};
    co_await machine_.scheduler().until(it->second);
    machine_.scheduler().touch(Touch::Kind::heed, machine_.signal(device(step.device)));
    auto landing = std::move(it->second.landing);
    flights_.erase(step.device);
    co_return landing;
}

Outcome Play::pump(const landfall::Pump& step) {
    for (const auto& request : step.typical())
        if (auto why = refusal(request); !why.empty()) return Unmet{std::move(why)};
    auto& d = device(step.request.device);
    if (!d.bus_master) return Unmet{d.name + " is not open, or no engine drives it"};
    machine_.scheduler().touch(Touch::Kind::signal, machine_.signal(d));
    auto& pump = pumps_[d.name] = Pump{config_.burst, false, 0, d.thing};
    machine_.scheduler().spawn(ActorId::dma(machine_.number(d)), pumping(d, step, pump));
    return Answer{};
}

// One DMA at a time: of that there are fewer under way than a pump may ask for.
Task<> Play::pumping(Device& device, landfall::Pump step, Pump& pump) {
    auto& scheduler = machine_.scheduler();
    for (;;) {
        co_await scheduler.until(pump);
        scheduler.touch(Touch::Kind::read, pump.thing);
        if (pump.stop) {
            scheduler.touch(Touch::Kind::signal, machine_.signal(device));
            co_return;
        }
        --pump.budget;
        scheduler.touch(Touch::Kind::begin, 0);
        const auto request = step.piece(pump.count);
        Flight flight{request, {scheduler.now(), {}}, {}, false};
        co_await machine_.transfer(device, flight);
        co_await scheduler.step();
        scheduler.touch(Touch::Kind::end, 0);
        ++pump.count;
        auto line = event_line(DmaEvent{request}, {flight.window.begin, scheduler.now()});
        line.observed = std::move(flight.landing);
        emit(std::move(line));
        if (step.every.value != 0) co_await scheduler.sleep_until({flight.window.begin.value + step.every.value});
    }
}

Task<Outcome> Play::halt(const Halt& step) {
    const auto it = pumps_.find(step.device);
    if (it == pumps_.end()) co_return Answer{{}, 0, {}};
    it->second.stop = true;
    machine_.scheduler().touch(Touch::Kind::write, it->second.thing);
    const Gone gone{machine_.scheduler(), ActorId::dma(machine_.number(device(step.device)))};
    co_await machine_.scheduler().until(gone);
    machine_.scheduler().touch(Touch::Kind::heed, machine_.signal(device(step.device)));
    const auto count = it->second.count;
    pumps_.erase(it);
    co_return Answer{{}, count, {}};
}

Task<Outcome> Play::view(const View& step) {
    if (!device(step.device).bus_master)
        co_return Unmet{step.device + " is not open, or no engine drives it"};
    Flight flight{
        {step.device, DmaRequest::Verb::read, {kStaging.start, kViewBytes}, std::nullopt}, {}, {}, false};
    co_await machine_.transfer(device(step.device), flight);
    const auto& from = flight.landing.from;
    if (from.size() != 1 || !from[0].place || !from[0].place->buffer.starts_with(kBeaconPrefix))
        co_return Sighting{};
    co_return Sighting{from[0].place->buffer.substr(kBeaconPrefix.size())};
}

Outcome Play::witness() {
    machine_.scheduler().touch(Touch::Kind::read, Machine::all_memory());
    tell_elsewhere();
    return Answer{};
}

Task<Outcome> Play::pause(const Sleep& step) {
    auto& scheduler = machine_.scheduler();
    co_await scheduler.sleep_until({scheduler.now().value + step.duration.value});
    co_return Answer{};
}

}  // namespace landfall::sim
