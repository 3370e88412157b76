#include "landfall/debts.hpp"

#include <algorithm>

namespace landfall {
namespace {

// Debts kept for one page, and pages kept at all. What is forgiven beyond that is never a violation, and a
// rig that keeps silent so often has been found out by then.
constexpr std::size_t kDebts = 64, kLedgers = 16384;

constexpr Access kRead{true, false}, kWrite{false, true};

const Stretch* first_blockable(const Outlook& outlook, Access access) {
    const auto it =
        std::ranges::find_if(outlook.stretches, [&](const Stretch& s) { return s.may_block(access); });
    return it == outlook.stretches.end() ? nullptr : &*it;
}

bool must_block(const Stretch& stretch, Access access) {
    return std::ranges::none_of(stretch.candidates,
                                [&](const Candidate& c) { return c.mapping->area.tolerated.allows(access); });
}

// Where the device is the first to be stopped, and doing what.
struct Stop {
    const Stretch* stretch;
    Access access;
};

// Whether a copy reads ahead of what it writes is the device's affair: only what neither order changes is
// certain.
std::optional<Stop> first_stop(const DmaRequest& request, const Account& account) {
    const auto to = written(request), from = read_by(request);
    const auto* write = to ? first_blockable(account.write, kWrite) : nullptr;
    const auto* read = from ? first_blockable(account.read, kRead) : nullptr;
    if (read == nullptr) return write == nullptr ? std::nullopt : std::optional(Stop{write, kWrite});
    if (write != nullptr && write->range.start - to->start < read->range.start - from->start)
        return std::nullopt;
    return Stop{read, kRead};
}

bool was_seen_there(const Account& account, const Stop& stop) {
    return std::ranges::any_of(account.pieces, [&](const Piece& p) {
        return p.place && p.access == stop.access && p.iova.overlaps(stop.stretch->range);
    });
}

Bdf requester_of(const DeviceFact& device) { return device.alias.value_or(device.bdf); }

Iova page_of(Iova a) { return Iova{align_down(a.value, kPageSize)}; }

}  // namespace

std::optional<Debt> debt_of(const Scene& scene, const DmaRequest& request, const Interval& window,
                            const Account& account) {
    if (!scene.every_fault || !account.blockable) return std::nullopt;
    if (account.read.may_be_closed || account.write.may_be_closed) return std::nullopt;
    const auto device = scene.devices.find(request.device);
    const auto stop = first_stop(request, account);
    if (device == scene.devices.end() || !stop || !must_block(*stop->stretch, stop->access))
        return std::nullopt;
    const IovaRange page{page_of(stop->stretch->range.start), kPageSize};
    // A write to the MSI window is an interrupt, not a memory access.
    const auto special = [&](const IovaRange& r) { return r.overlaps(page); };
    if (std::ranges::any_of(scene.reserved, special) || was_seen_there(account, *stop)) return std::nullopt;
    return Debt{request.device, requester_of(device->second), stop->access,
                page,           account.may_be_shut,          window};
}

void FaultDebts::owe(Debt debt) {
    const Key key{debt.requester, debt.page.start, debt.access.write};
    if (!ledgers_.contains(key) && ledgers_.size() >= kLedgers) return;
    auto& ledger = ledgers_[key];
    const auto since = debt.window.begin;
    if (debt.starved) {
        const auto rings = rings_.find(debt.requester);
        if (ledger.latest >= since || (rings != rings_.end() && rings->second >= since)) return;
    } else if (const auto fault = ledger.spare.lower_bound(since); fault != ledger.spare.end()) {
        if (--fault->second == 0) ledger.spare.erase(fault);
        return;
    }
    if (ledger.open.size() < kDebts) ledger.open.emplace(since, std::move(debt));
}

void FaultDebts::pay(const Scene& scene, const FaultEvent& fault, Nanoseconds at) {
    const auto name = scene.device_of(fault.requester);
    const auto requester = name.empty() ? fault.requester : requester_of(scene.devices.find(name)->second);
    const auto page = page_of(fault.address);
    if (scene.staging && scene.staging->contains(page)) {
        rings_[requester] = at;
        for (auto it = ledgers_.lower_bound({requester, {}, false});
             it != ledgers_.end() && it->first.requester == requester; ++it)
            std::erase_if(it->second.open, [&](const auto& d) { return d.second.starved && d.first <= at; });
    }
    const bool unsaid = !fault.access.read && !fault.access.write;
    if (fault.access.read || unsaid) pay(ledgers_[{requester, page, false}], at);
    if (fault.access.write || unsaid) pay(ledgers_[{requester, page, true}], at);
    if (ledgers_.size() >= sweep_at_) sweep();
}

// A DMA that may have starved shares the fault: it may as well have been reported for the rings.
void FaultDebts::pay(Ledger& ledger, Nanoseconds at) {
    ledger.latest = std::max(ledger.latest, at);
    std::erase_if(ledger.open, [&](const auto& d) { return d.second.starved && d.first <= at; });
    if (auto debt = ledger.open.upper_bound(at); debt != ledger.open.begin())
        ledger.open.erase(std::prev(debt));
    else
        ++ledger.spare[at];
    ledger.spare.erase(ledger.spare.begin(), ledger.spare.lower_bound(before_));
}

void FaultDebts::forget(Nanoseconds before) { before_ = before; }

void FaultDebts::sweep() {
    std::erase_if(ledgers_,
                  [&](const auto& l) { return l.second.open.empty() && l.second.latest < before_; });
    sweep_at_ = std::max<std::size_t>(1024, 2 * ledgers_.size());
}

std::vector<Debt> FaultDebts::unpaid() const {
    std::vector<Debt> out;
    for (const auto& [key, ledger] : ledgers_)
        for (const auto& [since, debt] : ledger.open) out.push_back(debt);
    std::ranges::sort(out, {}, &Debt::line);
    return out;
}

}  // namespace landfall
