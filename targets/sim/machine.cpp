#include "sim/machine.hpp"

#include <algorithm>

namespace landfall::sim {
namespace {

constexpr std::uint64_t kPayload = 2048;  // most bytes of one request, which crosses no page
constexpr std::uint64_t kDescriptorBytes = 16;
constexpr Access kRead{true, false}, kWrite{false, true};

// A request on its way to memory. It arrives even if its device is reset meanwhile.
class InFlight {
  public:
    explicit InFlight(IommuUnit& unit) : unit_(unit), ticket_(unit.depart()) {}
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;
    ~InFlight() { unit_.landed(ticket_); }

  private:
    IommuUnit& unit_;
    std::uint64_t ticket_;
};

}  // namespace

Machine::Machine(const Config& config, Decider& decider, OnEvent on_event)
    : config_(config),
      on_event_(std::move(on_event)),
      scheduler_(decider),
      iommufd_(scheduler_, config_.faults,
               [this](std::string text) { on_event_(KernelEvent{std::move(text)}); }),
      leftovers_(config_.functions.size()) {
    for (unsigned i = 0; i < kMaxUnits; ++i)
        units_.push_back(std::make_unique<IommuUnit>(scheduler_, config_.faults, i));
    for (const auto& f : config_.functions) {
        auto group = std::ranges::find(groups_, f.group, &Group::number);
        if (group == groups_.end()) group = groups_.emplace(groups_.end(), f.group);
        auto& d = devices_.emplace_back();
        d.name = f.name;
        d.rid = f.bdf;
        d.alias = f.alias;
        d.thing = thing(Thing::flight, 64 + devices_.size());
        d.unit = units_.at(f.unit).get();
        d.group = &*group;
        group->members.push_back(&d);
        iommufd_.add(d, {kMsiWindow});
    }
}

Device* Machine::device(std::string_view name) {
    const auto it = std::ranges::find(devices_, name, &Device::name);
    return it == devices_.end() ? nullptr : &*it;
}

std::size_t Machine::number(const Device& device) const {
    return static_cast<std::size_t>(std::ranges::find(devices_, device.name, &Device::name) -
                                    devices_.begin());
}

Iova Machine::rings(const Device& device) const { return kStaging.start + kPageSize * (1 + number(device)); }

void Machine::report_fault(const Device& device, Iova iova, Access access, std::uint32_t reason) {
    if (config_.faults.has(Fault::fault_not_reported)) return;
    auto requester = device.requester();
    if (config_.faults.has(Fault::fault_wrong_device))
        requester = devices_[(number(device) + 1) % devices_.size()].requester();
    if (config_.faults.has(Fault::fault_wrong_page)) iova = iova + 16 * kPageSize;
    if (config_.faults.has(Fault::fault_wrong_direction)) access = access.write ? kRead : kWrite;
    scheduler_.touch(Touch::Kind::write, thing(Thing::log, 0));
    on_event_(FaultEvent{requester, access, Iova{align_down(iova.value, kPageSize)}, reason});
}

// One request: translated in one micro-step, in memory in the next.
Task<Machine::Reached> Machine::reach(Device& device, Iova iova, Access access) {
    co_await scheduler_.step();
    scheduler_.touch(Touch::Kind::read, device.thing);
    if (!device.bus_master) co_return Reached{};
    const auto translation = device.unit->translate(device.requester(), iova, access);
    if (!translation.frame) {
        report_fault(device, iova, access, translation.reason);
        co_return Reached{};
    }
    const InFlight request(*device.unit);
    co_await scheduler_.step();
    co_return Reached{true, memory_.at(*translation.frame, iova.value % kPageSize), *translation.frame};
}

// The next request of a DMA, the last one of which came to `before`.
Task<Machine::Reached> Machine::go_on(Device& device, Iova iova, Access access, Reached before) {
    const bool guesses = config_.faults.has(Fault::dma_guesses_next_page);
    if (!guesses || !before.ok || iova.value % kPageSize != 0) co_return co_await reach(device, iova, access);
    co_await scheduler_.step();
    co_return Reached{true, memory_.at(before.frame + 1, 0), before.frame + 1};
}

void Machine::leave_elsewhere(const Reached& reached, Iova iova, std::uint64_t length, std::uint64_t sequence) {
    if (!reached.ok || memory_.owns(reached.frame)) return;
    scheduler_.touch(Touch::Kind::write, all_memory());
    const GuestAddress at{reached.frame * kPageSize + iova.value % kPageSize};
    elsewhere_[at] = {{at, length}, sequence, "nobody's"};
}

std::vector<GuestPlace> Machine::elsewhere() const {
    std::vector<GuestPlace> out;
    for (const auto& [at, place] : elsewhere_) {
        const bool goes_on = !out.empty() && out.back().seq == place.seq && out.back().range.end() == at;
        if (goes_on) out.back().range.length += place.range.length;
        else out.push_back(place);
    }
    return out;
}

Task<> Machine::leftovers(Device& device) {
    auto& slot = leftovers_[number(device)];
    if (!slot) co_return;
    const auto late = std::move(*slot);
    slot.reset();
    const auto reached = co_await reach(device, late.iova, kWrite);
    leave_elsewhere(reached, late.iova, late.length, late.sequence);
    if (reached.place && !late.known.covers(*reached.place, late.length))
        strays_.push_back(slice(*reached.place, late.length));
}

// The DMA request by request; false if one was refused, which ends it.
Task<bool> Machine::payload(Device& device, const DmaRequest& r, Landing& landing, bool lost) {
    const bool reads = r.verb != DmaRequest::Verb::write, writes = r.verb != DmaRequest::Verb::read;
    const auto destination = r.target.value_or(r.range.start);
    Track from, lands;
    bool ok = true;
    Reached read, written;
    for (std::uint64_t done = 0; done < r.range.length;) {
        const Iova source = r.range.start + done, to = destination + done;
        auto length = std::min(r.range.length - done, kPayload);
        if (reads) length = std::min(length, kPageSize - source.value % kPageSize);
        if (writes) length = std::min(length, kPageSize - to.value % kPageSize);
        const bool last = done + length == r.range.length;
        std::optional<Span> from_here, to_here;
        if (ok && reads) {
            read = co_await go_on(device, source, kRead, read);
            ok = read.ok;
            from_here = read.place;
        }
        const bool late = last && config_.faults.has(Fault::dma_done_early);
        const bool skip = lost || late || (last && done > 0 && config_.faults.has(Fault::dma_tail_lost));
        if (ok && writes && !skip) {
            written = co_await go_on(device, to, kWrite, written);
            ok = written.ok;
            to_here = written.place;
            leave_elsewhere(written, to, length, *landing.seq);
        }
        // What a copy carried is known only from where it landed.
        from.add(length, writes && !to_here ? std::nullopt : from_here);
        lands.add(length, to_here);
        if (writes && ok && (late || (last && config_.faults.has(Fault::dma_doubled_late))))
            leftovers_[number(device)] = Leftover{to, length, *landing.seq, lands};
        done += length;
    }
    if (reads && (!writes || lands.anywhere())) landing.from = from.segments();
    if (writes) landing.lands = lands.segments();
    co_return ok;
}

Landing unheard_of(const DmaRequest& request) {
    Landing landing{Landing::Status::timeout, std::nullopt, {}, {}, {}};
    (request.verb == DmaRequest::Verb::read ? landing.from : landing.lands) = {Segment{}};
    return landing;
}

// Fetches the descriptor, moves the data, writes the descriptor back. A device that cannot reach its rings is
// never heard of again until it is reset.
Task<> Machine::transfer(Device& device, Flight& flight) {
    const auto& r = flight.request;
    scheduler_.touch(Touch::Kind::heed, signal(device));
    auto& landing = flight.landing;
    landing = unheard_of(r);
    landing.seq = ++sequence_;
    co_await leftovers(device);
    const bool lost = config_.faults.has(Fault::dma_lost) && *landing.seq % 4 == 3;
    if ((co_await reach(device, rings(device), kRead)).ok) {
        const bool ok = co_await payload(device, r, landing, lost);
        if (config_.faults.has(Fault::fault_out_of_nothing) && *landing.seq % 4 == 3)
            report_fault(device, r.range.start + (1U << 30), kWrite, 5);
        if (!ok)
            landing.status = Landing::Status::error;
        else if ((co_await reach(device, rings(device) + kDescriptorBytes, kWrite)).ok)
            landing.status = Landing::Status::done;
    }
    flight.done = true;
    scheduler_.touch(Touch::Kind::signal, signal(device));
}

}  // namespace landfall::sim
