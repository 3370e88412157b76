// The checker's second half: what DMAs did, and the events that had to wait.
#include <fmt/format.h>

#include <algorithm>

#include "landfall/checker_impl.hpp"

namespace landfall {
namespace {

constexpr std::uint64_t kViewBytes = 64;  // what `view` reads of the beacon page

bool carries(const DeviceFact& device, Bdf requester) {
    return device.bdf == requester || device.alias == requester;
}

}  // namespace

const Account& Checker::Impl::account(const World& world, const DmaRequest& request, const Interval& window,
                                      const Landing& landing) {
    const auto contested = [&](const Backing& memory, std::uint64_t length) {
        return traffic.contested(world.history, request, window, memory, length);
    };
    account_for(world.history, scene, request, window, landing, std::ref(contested), account_book);
    return account_book;
}

void Checker::Impl::landed(const Line& line, unsigned start_line, const DmaRequest& request,
                           const Interval& window) {
    if (line.step() != nullptr) ++verdict.dmas;
    const auto* landing = std::get_if<Landing>(&*line.observed);
    if (landing == nullptr) return stop(line, "the outcome is none a DMA can have");
    report(worlds.explain([&](World& world) {
        const auto& a = account(world, request, window, *landing);
        auto found = broken(DmaCase{line, start_line, request, window, *landing, a, world.history, scene});
        carried_out(world, line, start_line, request, window, a);
        traffic.landed(request, window, *landing, a);
        return found;
    }));
}

// The faults that a DMA may, or must, have left behind.
void Checker::Impl::carried_out(World& world, const Line& line, unsigned start_line,
                                const DmaRequest& request, const Interval& window, const Account& account) {
    world.faults.add(scene, request, account);
    if (auto debt = debt_of(scene, request, window, account)) {
        debt->line = line.number;
        debt->start_line = start_line;
        world.debts.owe(std::move(*debt));
    }
}

void Checker::Impl::view(const Line& line, const View& s) {
    const auto* seen = std::get_if<Sighting>(&*line.observed);
    if (seen == nullptr) return stop(line, "the outcome is none 'view' can have");
    if (!scene.staging) return;  // no beacon, no telling
    const DmaRequest probe{
        s.device, DmaRequest::Verb::read, {scene.staging->start, kViewBytes}, std::nullopt};
    Landing landing{Landing::Status::done, std::nullopt, {}, {}, {}};
    if (seen->ioas)
        landing.from = {{BufferSlice{"beacon." + *seen->ioas, BufferSlice::Span{0, kViewBytes}}, kViewBytes}};
    report(worlds.explain([&](World& world) {
        const auto account = account_for(world.history, scene, probe, *line.when, landing,
                                         [](const Backing&, std::uint64_t) { return false; });
        auto found =
            broken(ViewCase{{line, line.number, probe, *line.when, landing, account, world.history, scene}});
        carried_out(world, line, line.number, probe, *line.when, account);
        return found;
    }));
}

// ---- events that had to wait ------------------------------------------------------------------------------

void Checker::Impl::settle(bool everything) {
    traffic.settle(everything, [&](const Line& line) {
        if (const auto* dma = std::get_if<DmaEvent>(line.event())) return settled_dma(line, *dma);
        open_faults.push_back(line);
        if (!scene.every_fault) return;
        const auto& fault = std::get<FaultEvent>(*line.event());
        for (auto& world : worlds) world.debts.pay(scene, fault, line.when->end);
    });
    judge_faults();
}

void Checker::Impl::settled_dma(const Line& line, const DmaEvent& dma) {
    if (worlds.best().history.find(dma.request.device) == nullptr)
        return stop(line, fmt::format("no device fact for '{}'", dma.request.device));
    if (const auto step = dma.times == 1 ? std::nullopt : traffic.moved_within(*line.when))
        return stop(line, fmt::format("{} DMAs in one line, and the step of line {} within their time: each needs a line", dma.times, *step));
    landed(line, line.number, dma.request, *line.when);
}

// True, and done with, if nothing is wrong with this DMA of a pump by what is known so far. The steps of a
// block take effect only when it is over.
bool Checker::Impl::clear(const Line& event) {
    const auto* dma = std::get_if<DmaEvent>(event.event());
    const auto* landing = dma == nullptr ? nullptr : std::get_if<Landing>(&*event.observed);
    if (landing == nullptr || !block.empty() || worlds.count() > 1) return false;
    if (dma->times > 1 && traffic.moved_within(*event.when)) return false;
    auto& world = *worlds.begin();
    if (world.history.find(dma->request.device) == nullptr) return false;
    const auto& a = account(world, dma->request, *event.when, *landing);
    if (!broken(DmaCase{event, event.number, dma->request, *event.when, *landing, a, world.history, scene})
             .empty())
        return false;
    carried_out(world, event, event.number, dma->request, *event.when, a);
    traffic.landed(dma->request, *event.when, *landing, a);
    return true;
}

void Checker::Impl::judge_faults() {
    std::erase_if(open_faults, [&](const Line& line) {
        const auto& fault = std::get<FaultEvent>(*line.event());
        const auto here = [&](const World& world) { return explained(world, fault, *line.when); };
        const auto of = [&](const std::string& device) { return answers_to(device, fault.requester); };
        if (std::ranges::all_of(worlds, here)) return true;
        if (traffic.open_at(line.when->end, of)) return std::ranges::any_of(worlds, here);
        const auto device = scene.device_of(fault.requester);
        report(worlds.explain([&](World& world) {
            return broken(FaultCase{line, fault, device, here(world)});
        }));
        return true;
    });
}

void Checker::Impl::judge_debts() {
    report(worlds.explain([&](const World& world) {
        std::vector<Violation> found;
        for (const auto& debt : world.debts.unpaid())
            std::ranges::move(broken(UnreportedCase{debt}), std::back_inserter(found));
        return found;
    }));
}

bool Checker::Impl::answers_to(const std::string& device, Bdf requester) const {
    const auto it = scene.devices.find(device);
    return it != scene.devices.end() && carries(it->second, requester);
}

bool Checker::Impl::explained(const World& world, const FaultEvent& fault, const Interval& lately) const {
    return std::ranges::any_of(scene.devices, [&](const auto& entry) {
        const auto& name = entry.first;
        return carries(entry.second, fault.requester) &&
               (world.faults.explains(name, fault) ||
                rings_may_fault(world.history, scene, name, fault.address, lately));
    });
}

}  // namespace landfall
