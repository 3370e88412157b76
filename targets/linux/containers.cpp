// The back end of VFIO groups and containers (type1), or iommufds in their place (compat). A group is in one container or in
// none, and a device can be reached only while its group is in one: files of devices come from a group that has a container
// with an IOMMU, and a group can leave only when they are all closed again (drivers/vfio/group.c, drivers/vfio/container.c).
// So a group comes and goes with its devices: its first attach gives them out, its last detach takes them back, and both
// reset them.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "landfall/error.hpp"
#include "linux/contained_engine.hpp"
#include "linux/container.hpp"
#include "linux/linux_iommu.hpp"
#include "linux/vfio_device.hpp"

namespace landfall {
namespace {

// What VFIO_IOMMU_MAP_DMA and its like have no word for.
std::string no_call_for(const Step& step) {
    const auto* attach = std::get_if<Attach>(&step);
    const auto* map = std::get_if<Map>(&step);
    if (attach != nullptr && attach->replace) return "replace";
    if (map != nullptr && map->file) return "map-file";
    if (map != nullptr && !map->iova) return "map auto";
    if (std::holds_alternative<Hwpt>(step)) return "hwpt";
    if (std::holds_alternative<IoasCopy>(step)) return "ioas-copy";
    if (std::holds_alternative<Allow>(step)) return "allow";
    return std::holds_alternative<Option>(step) ? "option" : "";
}

class Containers final : public LinuxIommu {
  public:
    Containers(std::vector<NamedDevice> named, bool compat) : compat_(compat) {
        for (auto& d : named) {
            auto& group = groups_.try_emplace(d.group, d.group).first->second;
            devices_.push_back(std::make_unique<Device>(std::move(d), group));
            group.members.push_back(devices_.back().get());
        }
    }

    std::string lacks(const Step& step) const override {
        auto what = no_call_for(step);
        return what.empty() ? what : "VFIO containers have no " + what;
    }
    std::vector<std::string> features(const std::string&) override { return {"containers"}; }
    std::unique_ptr<Engine> engine(DeviceId id, const EngineEntry& kind, StagingSlice staging) override {
        auto& d = at(id);
        if (!d.open) return nullptr;
        return std::make_unique<ContainedEngine>(d.presence, [&d, &kind, staging] {
            return kind.make({Registers(d.vfio.bar0()), [&d] { return reset_function(d); }, d.named.label(), d.named.scratch},
                             staging);
        });
    }

  private:
    struct Group;
    struct Device {
        Device(NamedDevice n, Group& g) : named(std::move(n)), group(g) {}
        NamedDevice named;
        Group& group;
        bool open = false, attached = false;
        Presence presence;
        VfioDevice vfio;         ///< open while the device is and its group is in a container
        std::shared_mutex gate;  ///< of `vfio`: held to give it out and take it back; shared by a reset
    };
    struct Group {
        explicit Group(std::uint32_t number) : file(number) {}
        VfioGroup file;  ///< open while a member is
        Container* container = nullptr;
        std::vector<Device*> members;
    };

    Errno open(DeviceId) override;
    Errno close(DeviceId) override;
    Errno reset(DeviceId) override;
    Result<ObjectId> attach(DeviceId, ObjectId domain) override;
    Errno detach(DeviceId) override;
    Result<ObjectId> ioas_alloc() override;
    Errno destroy(ObjectId) override;
    Result<Iova> map(ObjectId, std::optional<Iova>, Memory, Access) override;
    Result<std::uint64_t> unmap(ObjectId, std::optional<IovaRange>) override;
    Result<std::vector<IovaRange>> ranges(ObjectId) override;
    // lacks() says that there is no such call.
    Result<ObjectId> hwpt_alloc(DeviceId, ObjectId) override { return {{ENOTTY}, {}}; }
    Result<Iova> copy(ObjectId, std::optional<Iova>, ObjectId, IovaRange, Access) override { return {{ENOTTY}, {}}; }
    Errno allow(ObjectId, std::span<const IovaRange>) override { return {ENOTTY}; }
    Errno huge_pages(ObjectId, bool) override { return {ENOTTY}; }

    [[nodiscard]] Device& at(DeviceId id) { return *devices_.at(id.value); }
    /// nullptr: there is none, or its file is closed.
    [[nodiscard]] Container* find(ObjectId id);
    [[nodiscard]] static Errno give_out(Device& d);
    [[nodiscard]] static Errno take_back(Device& d);
    [[nodiscard]] static Errno give_out(Group& g);
    [[nodiscard]] static Errno leave(Group& g);
    [[nodiscard]] static Errno detach(Device& d);
    [[nodiscard]] static Errno reset_function(Device& d);

    const bool compat_;
    std::shared_mutex objects_;  ///< of `containers_`
    std::vector<std::unique_ptr<Container>> containers_;  ///< by id; whose file is closed may still have groups
    std::mutex moves_;  ///< of everything below but Device::vfio: groups come and go one at a time
    std::map<std::uint32_t, Group> groups_;
    std::vector<std::unique_ptr<Device>> devices_;  ///< last: closed before their groups
};

Container* Containers::find(ObjectId id) {
    const std::shared_lock lock(objects_);
    if (id.value >= containers_.size() || !containers_[id.value]->is_open()) return nullptr;
    return containers_[id.value].get();
}

// ---- devices ----------------------------------------------------------------------------------------------

Errno Containers::give_out(Device& d) {
    auto file = d.group.file.device(d.named.bdf);
    if (!file.ok()) return file.error;
    const std::unique_lock alone(d.gate);
    const auto e = d.vfio.take(std::move(file.value));
    if (e.ok()) d.presence.begin();
    return e;
}

Errno Containers::take_back(Device& d) {
    d.presence.end();
    const std::unique_lock alone(d.gate);
    return d.vfio.is_open() ? d.vfio.let_go() : Errno{};
}

// Of an engine, at any time. A device that is away is not even asked for: whoever holds its file keeps its group from leaving.
Errno Containers::reset_function(Device& d) {
    const std::shared_lock lock(d.gate);
    return d.vfio.is_open() ? d.vfio.reset() : Errno{ENODEV};
}

Errno Containers::open(DeviceId id) {
    const std::lock_guard lock(moves_);
    auto& d = at(id);
    if (d.open) return {EINVAL};
    auto& file = d.group.file;
    if (!file.is_open())
        if (const auto e = file.open(); !e.ok()) return e;
    if (d.group.container != nullptr)
        if (const auto e = give_out(d); !e.ok()) return e;
    d.open = true;
    return {};
}

Errno Containers::close(DeviceId id) {
    const std::lock_guard lock(moves_);
    auto& d = at(id);
    if (!d.open) return {EBADF};
    d.open = false;
    d.presence.end();
    {
        const std::unique_lock alone(d.gate);
        d.vfio.close();
    }
    const auto e = detach(d);
    if (std::ranges::none_of(d.group.members, &Device::open)) d.group.file.close();
    return e;
}

Errno Containers::reset(DeviceId id) {
    const std::lock_guard lock(moves_);
    auto& d = at(id);
    if (!d.open) return {EBADF};
    if (d.group.container != nullptr) return reset_function(d);
    return d.group.file.device(d.named.bdf).error;  // why it cannot be reached
}

// ---- groups -----------------------------------------------------------------------------------------------

Errno Containers::give_out(Group& g) {
    for (auto* d : g.members)
        if (d->open)
            if (const auto e = give_out(*d); !e.ok()) return e;
    return {};
}

Errno Containers::leave(Group& g) {
    auto e = Errno{};
    for (auto* d : g.members)
        if (const auto kept = take_back(*d); !kept.ok()) e = kept;
    if (e.ok()) e = g.container->dismiss(g.file);
    if (e.ok()) g.container = nullptr;
    return e;
}

// For a group that is in a container the kernel has no second one; a further member is in it already, by the group.
Result<ObjectId> Containers::attach(DeviceId id, ObjectId domain) {
    const std::lock_guard lock(moves_);
    auto& d = at(id);
    if (!d.open) return {{EBADF}, {}};
    auto* to = find(domain);
    if (to == nullptr) return {{ENOENT}, {}};
    auto& g = d.group;
    if (g.container != to) {
        if (const auto e = to->admit(g.file); !e.ok()) return {e, {}};
        g.container = to;
        if (const auto e = give_out(g); !e.ok()) {
            (void)leave(g);
            return {e, {}};
        }
    }
    d.attached = true;
    return {};
}

Errno Containers::detach(DeviceId id) {
    const std::lock_guard lock(moves_);
    return at(id).open ? detach(at(id)) : Errno{EBADF};
}

Errno Containers::detach(Device& d) {
    if (!std::exchange(d.attached, false)) return {};
    return std::ranges::none_of(d.group.members, &Device::attached) ? leave(d.group) : Errno{};
}

// ---- containers -------------------------------------------------------------------------------------------

Result<ObjectId> Containers::ioas_alloc() {
    auto made = std::make_unique<Container>();
    if (const auto e = made->open(compat_); !e.ok()) return {e, {}};
    const std::unique_lock lock(objects_);
    containers_.push_back(std::move(made));
    return {{}, {static_cast<std::uint32_t>(containers_.size() - 1)}};
}

Errno Containers::destroy(ObjectId id) {
    auto* container = find(id);
    if (container == nullptr) return {ENOENT};
    container->close_file();
    return {};
}

Result<Iova> Containers::map(ObjectId id, std::optional<Iova> iova, Memory memory, Access access) {
    if (!iova || memory.file >= 0) return {{ENOTTY}, {}};
    auto* container = find(id);
    return {container == nullptr ? Errno{ENOENT} : container->map(*iova, memory, access), *iova};
}

Result<std::uint64_t> Containers::unmap(ObjectId id, std::optional<IovaRange> range) {
    auto* container = find(id);
    if (container == nullptr) return {{ENOENT}, 0};
    return container->unmap(range);
}

Result<std::vector<IovaRange>> Containers::ranges(ObjectId id) {
    auto* container = find(id);
    if (container == nullptr) return {{ENOENT}, {}};
    return container->ranges();
}

}  // namespace

std::unique_ptr<LinuxIommu> make_containers(std::vector<NamedDevice> devices, bool compat) {
    const std::string file = compat ? "/dev/iommu" : "/dev/vfio/vfio";
    if (::access(file.c_str(), R_OK | W_OK) != 0)
        throw LabError("cannot open " + file + ": " + Errno{errno}.str(),
                       compat ? "needs root and a kernel with CONFIG_IOMMUFD and CONFIG_VFIO_GROUP"
                              : "needs root and a kernel with CONFIG_VFIO_CONTAINER and CONFIG_VFIO_IOMMU_TYPE1");
    for (const auto& d : devices)
        if (d.virtual_of) throw LabError(d.label() + " is driven by way of iommufd only", "--api iommufd");
    return std::make_unique<Containers>(std::move(devices), compat);
}

Api available_api() {
    if (::access("/dev/iommu", F_OK) == 0) return Api::iommufd;
    if (::access("/dev/vfio/vfio", F_OK) == 0) return Api::type1;
    throw LabError("this kernel has neither /dev/iommu nor /dev/vfio/vfio", "a kernel with CONFIG_IOMMUFD, or with VFIO containers");
}

}  // namespace landfall
