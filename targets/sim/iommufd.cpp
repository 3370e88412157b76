#include "sim/iommufd.hpp"

#include <algorithm>
#include <cerrno>

namespace landfall::sim {
namespace {

Answer failed(int error) { return Answer{{error}, std::nullopt, {}}; }
Answer answer(Errno e) { return Answer{e, std::nullopt, {}}; }

}  // namespace

void Iommufd::add(Device& device, std::vector<IovaRange> reserved) {
    auto& group = groups_[device.group];
    if (!group) group = std::make_unique<IommufdGroup>(device.group->number);
    group->reserved = std::move(reserved);
    devices_.push_back(std::make_unique<Bound>(device, *group, devices_.size()));
}

Iommufd::Bound& Iommufd::bound(const Device& device) {
    return **std::ranges::find_if(devices_, [&](const auto& b) { return b->device == &device; });
}

// The attached devices of a group, in the order they were bound.
std::vector<Device*> Iommufd::members(const IommufdGroup& group) {
    std::vector<Device*> out;
    for (const auto& b : devices_)
        if (b->group == &group && group.attached.contains(b->device)) out.push_back(b->device);
    return out;
}

// ---- objects
// --------------------------------------------------------------------------------------------------

Ioas& Iommufd::make_ioas() {
    ioases_.push_back(std::make_unique<Ioas>(scheduler_, core_, faults_, 2 + ioases_.size()));
    return *ioases_.back();
}

Hwpt& Iommufd::new_hwpt(Ioas& ioas, bool automatic) {
    hwpts_.push_back(std::make_unique<Hwpt>());
    auto& hwpt = *hwpts_.back();
    hwpt.ioas = &ioas;
    hwpt.domain = core_.make_domain();
    hwpt.automatic = automatic;
    return hwpt;
}

// Allocation does not attach; the page table is filled when it returns (hw_pagetable.c:108-111).
Task<Answer> Iommufd::make_hwpt(Device& device, Ioas& ioas, Hwpt*& made) {
    co_await scheduler_.step();
    books();
    if (!bound(device).open) co_return failed(ENOENT);
    if (!ioas.alive) co_return failed(EINVAL);
    ioas.books();
    const InCall in_call(ioas.calls);
    auto& hwpt = new_hwpt(ioas, false);
    if (const auto e = co_await ioas.add_domain(*hwpt.domain); !e.ok()) {
        hwpt.alive = false;
        co_return answer(e);
    }
    made = &hwpt;
    co_return Answer{};
}

Task<> Iommufd::release_hwpt(Hwpt& hwpt) {
    books();
    hwpt.alive = false;
    co_await hwpt.ioas->remove_domain(*hwpt.domain);
}

// iommufd_hw_pagetable_put(): an automatic HWPT goes with its last user, unless a call has found it meanwhile.
Task<> Iommufd::put(const std::vector<Hwpt*>& unused) {
    for (auto* hwpt : unused) {
        books();
        if (hwpt->alive && hwpt->users == 0 && hwpt->calls == 0) co_await release_hwpt(*hwpt);
    }
}

Task<Answer> Iommufd::destroy(Hwpt& hwpt) {
    co_await scheduler_.step();
    books();
    if (!hwpt.alive) co_return failed(ENOENT);
    if (hwpt.calls > 0) co_return failed(EBUSY);
    if (hwpt.users > 0 && !faults_.has(Fault::destroy_while_attached)) co_return failed(EBUSY);
    if (faults_.has(Fault::kernel_warns)) warn_("WARNING: CPU: 0 PID: 1 at drivers/iommu/iommufd/main.c:300");
    co_await release_hwpt(hwpt);
    co_return Answer{};
}

Task<Answer> Iommufd::destroy(Ioas& ioas) {
    co_await scheduler_.step();
    books();
    if (!ioas.alive) co_return failed(ENOENT);
    ioas.books();
    if (ioas.calls > 0) co_return failed(EBUSY);
    const bool used =
        std::ranges::any_of(hwpts_, [&](const auto& h) { return h->alive && h->ioas == &ioas; });
    if (used && !faults_.has(Fault::destroy_ioas_in_use)) co_return failed(EBUSY);
    ioas.alive = false;
    co_return Answer{};
}

Task<Answer> Iommufd::copy(Ioas& to, std::optional<Iova> iova, Ioas& from, IovaRange range, Access access) {
    std::vector<Piece> pieces;
    if (const auto found = co_await from.slices(range, pieces); !found.error.ok()) co_return found;
    for (auto& p : pieces)
        if (!faults_.has(Fault::copy_keeps_permission)) p.access = access;
    if (std::ranges::find(from.copies, &to) == from.copies.end()) from.copies.push_back(&to);
    co_return co_await to.map(iova, std::move(pieces));
}

// ---- attach, replace, detach
// ----------------------------------------------------------------------------------

void Iommufd::drop_user(Hwpt& hwpt, std::vector<Hwpt*>& unused) {
    if (hwpt.users > 0) --hwpt.users;
    if (hwpt.users == 0 && hwpt.automatic && hwpt.alive) unused.push_back(&hwpt);
}

// iommufd_hw_pagetable_attach(): the first member moves the group, a further one only keeps the books.
Task<Errno> Iommufd::do_attach(Bound& b, Hwpt& to) {
    const auto guard = co_await scheduler_.lock(b.group->lock);
    books();
    auto& group = *b.group;
    if (!to.alive) co_return Errno{ENOENT};
    const bool elsewhere = group.hwpt != nullptr && group.hwpt != &to;
    if (elsewhere && !faults_.has(Fault::attach_second_moves_group)) co_return Errno{EINVAL};
    if (const auto e = co_await to.ioas->reserve(*b.device, group.reserved); !e.ok()) co_return e;
    if (group.hwpt != &to) {
        co_await core_.move_group(*b.device->group, to.domain.get(), *b.device);
        group.hwpt = &to;
    }
    group.attached.insert(b.device);
    b.books = &to;
    ++to.users;
    co_return Errno{};
}

// Who is attached to what, once the group has moved: every attached member goes along.
Task<> Iommufd::switch_books(Bound& b, Hwpt& to, std::vector<Hwpt*>& unused) {
    books();
    for (const auto& other : devices_) {
        if (other->group != b.group || !b.group->attached.contains(other->device)) continue;
        if (other.get() != &b && faults_.has(Fault::stale_bookkeeping)) continue;
        auto& old = *other->books;
        other->books = &to;
        if (&old == &to) continue;
        if (old.ioas != to.ioas) old.ioas->release(*other->device);
        ++to.users;
        if (other.get() != &b && faults_.has(Fault::destroy_stays_busy)) continue;
        drop_user(old, unused);
    }
    b.group->hwpt = &to;
    co_return;
}

// iommufd_device_do_replace(): nothing to do if the group is there; else all members' reserved ranges, then
// the group.
Task<Errno> Iommufd::do_replace(Bound& b, Hwpt& to, std::vector<Hwpt*>& unused) {
    Scheduler::Guard guard;
    if (!faults_.has(Fault::replace_unlocked)) guard = co_await scheduler_.lock(b.group->lock);
    books();
    auto& group = *b.group;
    if (!group.attached.contains(b.device)) co_return Errno{EINVAL};
    if (!to.alive) co_return Errno{ENOENT};
    auto& pci_group = *b.device->group;
    const auto attached = members(group);
    if (faults_.has(Fault::replace_by_second_ignored) && attached.front() != b.device) co_return Errno{};
    const auto* current = faults_.has(Fault::stale_bookkeeping) ? b.books : group.hwpt;
    if (current == &to) {
        if (faults_.has(Fault::replace_nop_blocks)) {
            co_await core_.move_group(pci_group, nullptr, *b.device);
            co_await scheduler_.step();
            co_await core_.move_group(pci_group, to.domain.get(), *b.device);
        }
        co_return Errno{};
    }
    std::vector<Device*> reserved;
    for (auto* member : attached) {
        const auto e = co_await to.ioas->reserve(*member, group.reserved);
        if (e.ok()) {
            if (to.ioas != group.hwpt->ioas) reserved.push_back(member);
            continue;
        }
        for (auto* done : reserved) to.ioas->release(*done);
        if (faults_.has(Fault::replace_fails_halfway)) co_await core_.move_device(*b.device, to.domain.get());
        co_return e;
    }
    co_await core_.move_group(pci_group, to.domain.get(), *b.device);
    co_await switch_books(b, to, unused);
    co_return Errno{};
}

Task<Errno> Iommufd::attach_one(Bound& b, Hwpt& to, std::vector<Hwpt*>& unused) {
    books();
    if (b.books == nullptr) co_return co_await do_attach(b, to);
    co_return co_await do_replace(b, to, unused);
}

Task<Answer> Iommufd::attach(Device& device, Hwpt& to) {
    auto& b = bound(device);
    const auto turn = co_await scheduler_.lock(b.dev_set);
    books();
    if (!b.open) co_return failed(EBADF);
    if (!to.alive) co_return failed(ENOENT);
    const InCall in_call(to.calls);
    std::vector<Hwpt*> unused;
    const auto e = co_await attach_one(b, to, unused);
    co_await put(unused);
    co_return answer(e);
}

// iommufd_device_auto_get_domain(): the automatic HWPT there is, else a new one. A first attach goes to it
// while it is still empty (hw_pagetable.c:205-211); for a replace it is filled before.
Task<Answer> Iommufd::attach(Device& device, Ioas& to) {
    auto& b = bound(device);
    const auto turn = co_await scheduler_.lock(b.dev_set);
    books();
    if (!b.open) co_return failed(EBADF);
    if (!to.alive) co_return failed(ENOENT);
    to.books();
    const InCall in_call(to.calls);
    std::vector<Hwpt*> unused;
    Errno e{EINVAL};
    {
        const auto guard = co_await scheduler_.lock(to.mutex);
        for (std::size_t i = 0; i < hwpts_.size() && e.value == EINVAL; ++i) {
            auto& h = *hwpts_[i];
            if (h.ioas != &to || !h.automatic || !h.alive) continue;
            const InCall found(h.calls);
            e = co_await attach_one(b, h, unused);
            // Its last user may have left it to us. (Linux forgets it then, until the IOAS is used again.)
            if (!e.ok() && h.users == 0) unused.push_back(&h);
        }
        if (e.value == EINVAL) {
            auto& made = new_hwpt(to, true);
            const bool first = b.books == nullptr;
            e = Errno{};
            if (first) e = co_await do_attach(b, made);
            if (e.ok() && !faults_.has(Fault::replace_to_empty)) e = co_await to.add_domain(*made.domain);
            if (e.ok() && !first)
                e = co_await do_replace(b, made, unused);
            else if (!e.ok() && first && b.books == &made)
                static_cast<void>(co_await do_detach(b));
            if (!e.ok() && made.alive) co_await release_hwpt(made);
        }
    }
    co_await put(unused);
    co_return answer(e);
}

// iommufd_device_detach(): 0 also when nothing is attached (drivers/vfio/iommufd.c).
Task<Answer> Iommufd::detach(Device& device) {
    auto& b = bound(device);
    const auto turn = co_await scheduler_.lock(b.dev_set);
    co_return co_await do_detach(b);
}

Task<Answer> Iommufd::do_detach(Bound& b) {
    auto& device = *b.device;
    std::vector<Hwpt*> unused;
    {
        const auto guard = co_await scheduler_.lock(b.group->lock);
        books();
        if (b.books == nullptr) co_return b.open ? Answer{} : failed(EBADF);
        auto& group = *b.group;
        auto& hwpt = *b.books;
        group.attached.erase(&device);
        b.books = nullptr;
        if (!faults_.has(Fault::detach_keeps_reserved)) hwpt.ioas->release(device);
        const bool last = group.attached.empty();
        if (last || faults_.has(Fault::detach_blocks_siblings)) {
            if (last) group.hwpt = nullptr;
            if (!faults_.has(Fault::detach_leaves_translation))
                co_await core_.move_group(*device.group, nullptr, device);
        }
        drop_user(hwpt, unused);
        if (faults_.has(Fault::detach_empties_domain) && !last) hwpt.domain->table.clear_all();
    }
    co_await put(unused);
    co_return Answer{};
}

// ---- open, close, reset
// ---------------------------------------------------------------------------------------

Task<Answer> Iommufd::open(Device& device) {
    auto& b = bound(device);
    const auto turn = co_await scheduler_.lock(b.dev_set);
    books();
    if (b.open) co_return failed(EINVAL);
    b.open = true;
    device.bus_master = true;
    scheduler_.touch(Touch::Kind::write, device.thing);
    co_return Answer{};
}

// vfio_pci_core_close_device(): bus master off first, then detach and unbind.
Task<Answer> Iommufd::close(Device& device) {
    auto& b = bound(device);
    const auto turn = co_await scheduler_.lock(b.dev_set);
    books();
    if (!b.open) co_return failed(EBADF);
    device.bus_master = false;
    scheduler_.touch(Touch::Kind::write, device.thing);
    if (!faults_.has(Fault::close_keeps_attachment)) static_cast<void>(co_await do_detach(b));
    b.open = false;
    co_return Answer{};
}

// Translation is the same afterwards: drivers/iommu/iommu.c:4034-4094 blocks a device with ATS, and
// :4133-4222 gives it its domain back.
Task<Answer> Iommufd::reset(Device& device) {
    co_await scheduler_.step();
    scheduler_.touch(Touch::Kind::write, device.thing);
    if (!device.bus_master) co_return failed(EBADF);
    if (faults_.has(Fault::reset_leaves_blocked)) co_await core_.move_device(device, nullptr);
    co_return Answer{};
}

}  // namespace landfall::sim
