// iommufd of the simulated kernel: HWPTs, and which group is on which. Written from
// drivers/iommu/iommufd/device.c and hw_pagetable.c; every operation takes the kernel's locks in the kernel's
// order and may be interleaved with all else.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/ioas.hpp"

namespace landfall::sim {

struct Hwpt {
    Ioas* ioas = nullptr;
    std::unique_ptr<Domain> domain;
    bool automatic = false, alive = true;
    unsigned users = 0;  ///< attached devices
    unsigned calls = 0;  ///< see InCall
};

class Iommufd {
  public:
    /// `warn` takes what the kernel complains about itself.
    Iommufd(Scheduler& scheduler, const FaultSet& faults, std::function<void(std::string)> warn)
        : scheduler_(scheduler), faults_(faults), warn_(std::move(warn)), core_(scheduler, faults) {}

    /// A device that is opened and bound; `reserved` as its group reports them.
    void add(Device& device, std::vector<IovaRange> reserved);

    [[nodiscard]] Ioas& make_ioas();
    [[nodiscard]] Task<Answer> make_hwpt(Device& device, Ioas& ioas, Hwpt*& made);
    [[nodiscard]] Task<Answer> copy(Ioas& to, std::optional<Iova> iova, Ioas& from, IovaRange range,
                                    Access access);
    /// Attaches, or replaces if the device is attached. With an IOAS its automatic HWPT is meant.
    [[nodiscard]] Task<Answer> attach(Device& device, Hwpt& to);
    [[nodiscard]] Task<Answer> attach(Device& device, Ioas& to);
    [[nodiscard]] Task<Answer> detach(Device& device);
    [[nodiscard]] Task<Answer> destroy(Hwpt& hwpt);
    [[nodiscard]] Task<Answer> destroy(Ioas& ioas);
    [[nodiscard]] Task<Answer> open(Device& device);
    [[nodiscard]] Task<Answer> close(Device& device);
    /// VFIO_DEVICE_RESET.
    [[nodiscard]] Task<Answer> reset(Device& device);

  private:
    struct IommufdGroup {
        explicit IommufdGroup(std::uint64_t n) : lock(thing(Thing::lock, 500 + n)) {}
        Mutex lock;  ///< igroup->lock
        Hwpt* hwpt = nullptr;
        std::set<const Device*> attached;
        std::vector<IovaRange> reserved;
    };
    struct Bound {
        Bound(Device& d, IommufdGroup& g, std::uint64_t n) : device(&d), group(&g), dev_set(thing(Thing::lock, 600 + n)) {}
        Device* device;
        IommufdGroup* group;
        Mutex dev_set;          ///< dev_set->lock of VFIO: open, close, attach and detach of a device take turns
        Hwpt* books = nullptr;  ///< what this device is attached to by its own books
        bool open = true;
    };
    [[nodiscard]] Bound& bound(const Device& device);
    [[nodiscard]] std::vector<Device*> members(const IommufdGroup& group);
    [[nodiscard]] Hwpt& new_hwpt(Ioas& ioas, bool automatic);
    [[nodiscard]] Task<> release_hwpt(Hwpt& hwpt);
    [[nodiscard]] Task<> put(const std::vector<Hwpt*>& unused);
    [[nodiscard]] Task<Errno> do_attach(Bound& b, Hwpt& to);
    [[nodiscard]] Task<Answer> do_detach(Bound& b);
    [[nodiscard]] Task<Errno> do_replace(Bound& b, Hwpt& to, std::vector<Hwpt*>& unused);
    [[nodiscard]] Task<Errno> attach_one(Bound& b, Hwpt& to, std::vector<Hwpt*>& unused);
    [[nodiscard]] Task<> switch_books(Bound& b, Hwpt& to, std::vector<Hwpt*>& unused);
    void books() { scheduler_.touch(Touch::Kind::write, thing(Thing::books, 1)); }
    void drop_user(Hwpt& hwpt, std::vector<Hwpt*>& unused);

    Scheduler& scheduler_;
    const FaultSet& faults_;
    std::function<void(std::string)> warn_;
    IommuCore core_;
    std::map<const Group*, std::unique_ptr<IommufdGroup>> groups_;
    std::vector<std::unique_ptr<Bound>> devices_;
    std::vector<std::unique_ptr<Ioas>> ioases_;
    // A page table stays until the machine goes: a stale entry that leads to it finds it empty, not gone.
    std::vector<std::unique_ptr<Hwpt>> hwpts_;
};

}  // namespace landfall::sim
