#include "landfall/faults.hpp"

#include <algorithm>
#include <limits>

namespace landfall {
namespace {

// IOMMUs report the page, not the byte.
IovaRange pages_of(const IovaRange& r) {
    const auto first = align_down(r.start.value, kPageSize);
    return {Iova{first}, align_down(r.last().value, kPageSize) - first + kPageSize};
}

}  // namespace

void IovaSet::add(std::uint64_t first, std::uint64_t last) {
    auto it = ranges_.upper_bound(first);
    if (it != ranges_.begin() && std::prev(it)->second >= last) return;  // nearly always: seen before
    if (it != ranges_.begin() && std::prev(it)->second >= (first == 0 ? 0 : first - 1)) --it;
    while (it != ranges_.end() &&
           (last == std::numeric_limits<std::uint64_t>::max() || it->first <= last + 1)) {
        first = std::min(first, it->first);
        last = std::max(last, it->second);
        it = ranges_.erase(it);
    }
    ranges_.emplace(first, last);
}

void IovaSet::add(const IovaSet& other) {
    for (const auto& [first, last] : other.ranges_) add(first, last);
}

bool IovaSet::contains(Iova a) const {
    const auto it = ranges_.upper_bound(a.value);
    return it != ranges_.begin() && std::prev(it)->second >= a.value;
}

void FaultLog::add(const Scene& scene, const DmaRequest& request, const Account& account) {
    if (!account.blockable) return;
    auto it = blocked_.find(request.device);
    if (it == blocked_.end()) it = blocked_.emplace(request.device, Blocked{}).first;
    auto& [read, write] = it->second;
    const auto note = [&](const Outlook& outlook, Access access, IovaSet& set) {
        for (const auto& s : outlook.stretches)
            if (account.may_be_shut || s.may_block(access)) set.add(pages_of(s.range));
    };
    note(account.read, {true, false}, read);
    note(account.write, {false, true}, write);
    if (!account.may_be_shut || !scene.staging) return;
    read.add(*scene.staging);
    write.add(*scene.staging);
}

void FaultLog::add(const FaultLog& other) {
    for (const auto& [device, theirs] : other.blocked_) {
        auto& ours = blocked_[device];
        ours.read.add(theirs.read);
        ours.write.add(theirs.write);
    }
}

bool FaultLog::explains(const std::string& device, const FaultEvent& fault) const {
    const auto it = blocked_.find(device);
    if (it == blocked_.end()) return false;
    const bool unsaid = !fault.access.read && !fault.access.write;
    return ((fault.access.read || unsaid) && it->second.read.contains(fault.address)) ||
           ((fault.access.write || unsaid) && it->second.write.contains(fault.address));
}

bool rings_may_fault(const History& history, const Scene& scene, const std::string& device, Iova address,
                     const Interval& window) {
    if (!scene.staging || !scene.staging->contains(address)) return false;
    const auto outlook = history.look(device, *scene.staging, window);
    return outlook.may_be_shut || std::ranges::any_of(outlook.stretches, [&](const Stretch& s) {
               return s.range.contains(address) && s.may_block({true, true});
           });
}

}  // namespace landfall
