// A kernel's address spaces, page tables, groups and devices: iommufd with VFIO cdevs, where a group has one
// HWPT and moves as a whole (drivers/iommu/iommufd/device.c), and, by other rules, what others take a kernel
// to be.
#pragma once

#include <map>
#include <set>

#include "landfall/copy_on_write.hpp"
#include "landfall/model_ioas.hpp"
#include "landfall/scene.hpp"

namespace landfall {

class KernelModel : public Model {
  public:
    /// `rules` outlive it: they are a row of a constant table. `by_trace`: until the trace says that it is of another.
    explicit KernelModel(const KernelRules& rules, bool by_trace = false) : rules_(&rules), by_trace_(by_trace) {}
    [[nodiscard]] std::string_view name() const override { return rules_->name; }
    [[nodiscard]] std::unique_ptr<Model> clone() const override {
        return std::make_unique<KernelModel>(*this);
    }
    [[nodiscard]] bool same_state(const Model& other) const override;
    [[nodiscard]] std::size_t mappings() const override;
    [[nodiscard]] std::vector<Change> fact(const Fact& fact) override;
    [[nodiscard]] Prediction predict(const Step& step) const override;
    [[nodiscard]] std::string objection(const Step& step, const Answer& answer) const override;
    [[nodiscard]] UnmapNext next_unmapped(const Unmap& step) const override;
    bool take_source(const IoasCopy& step) override;
    void raced(const Attach& step) override {
        if (now_.ioases->contains(step.domain)) now_.doubled.insert(step.domain);
    }
    [[nodiscard]] std::vector<Change> apply(const Step& step, const Answer& observed) override;

  private:
    using Changes = std::vector<Change>;
    using HwptId = std::string;  ///< its name, or its IOAS's if it is automatic: names are unique in a trace
    struct HwptState {
        std::string ioas;
        bool automatic = false;
        bool doomed = false;  ///< destroyed although in use: nothing can name it any more
        bool operator==(const HwptState&) const = default;
    };
    /// What is translated as one: a group, or a device where devices are taken to be on their own.
    struct Unit {
        std::optional<HwptId> hwpt;  ///< what its DMA goes through
        std::map<std::string, HwptId>
            books;  ///< by attached device: what it was attached to, with a reference
        bool operator==(const Unit&) const = default;
    };
    using UnitId = std::uint32_t;
    struct DeviceState {
        std::uint32_t group = 0;
        UnitId unit = 0;
        bool open = true;
        bool operator==(const DeviceState&) const = default;
    };
    /// A search through orders clones it for every step it tries, and a step changes little of it.
    struct State {
        const IommuRules* iommu = &iommu_rules("");
        std::optional<KernelRelease> kernel;
        std::optional<IovaRange> staging;
        CopyOnWrite<std::map<std::string, DeviceState>> devices;
        CopyOnWrite<std::map<UnitId, CopyOnWrite<Unit>>> units;
        CopyOnWrite<std::map<std::uint32_t, std::vector<IovaRange>>> reserved;  ///< by group
        CopyOnWrite<std::map<std::string, Buffer>> buffers;
        CopyOnWrite<std::map<std::string, CopyOnWrite<IoasModel>>> ioases;
        CopyOnWrite<std::map<HwptId, HwptState>> hwpts;
        std::set<std::string> doubled;  ///< IOASes that may have more than one automatic HWPT
        std::map<std::string, std::vector<Area>> taken;  ///< by copies under way, by their text
        bool operator==(const State&) const = default;
    };
    /// What a name given to attach stands for, and the HWPT it comes to (nullopt: one must be made).
    struct Wanted {
        const IoasModel* ioas = nullptr;
        std::optional<HwptId> hwpt;
    };

    [[nodiscard]] const IoasModel* ioas(const std::string& name) const;
    [[nodiscard]] IoasModel& ioas(const std::string& name);
    [[nodiscard]] std::optional<HwptId> hwpt(const std::string& name) const;
    [[nodiscard]] std::optional<Wanted> wanted(const std::string& domain) const;
    [[nodiscard]] const Unit& unit_of(const std::string& device) const;
    [[nodiscard]] Unit& unit_of(const std::string& device);
    [[nodiscard]] const std::vector<IovaRange>& reserved_of(const std::string& device) const;
    /// Attached devices whose books name it: each holds a reference.
    [[nodiscard]] std::size_t users(const HwptId& id) const;
    [[nodiscard]] std::vector<Area> memory_of(const Map& step) const;
    /// What the copy maps: what it has taken, if it has, else what is there now.
    [[nodiscard]] std::optional<std::vector<Area>> memory_of(const IoasCopy& step) const;
    [[nodiscard]] Access tolerated(Access access) const;

    [[nodiscard]] Prediction predict_call(const Step& step) const;
    [[nodiscard]] Prediction predict_map(const Map& step) const;
    [[nodiscard]] Prediction predict_copy(const IoasCopy& step) const;
    [[nodiscard]] Prediction predict_hwpt(const Hwpt& step) const;
    /// A page table that is made and filled before a device is attached to it.
    [[nodiscard]] Prediction predict_table(const IoasModel& space) const;
    [[nodiscard]] Prediction predict_attach(const Attach& step) const;
    [[nodiscard]] Prediction predict_replace(const std::string& device, const Wanted& to) const;
    [[nodiscard]] Prediction predict_destroy(const Destroy& step) const;
    [[nodiscard]] Prediction predict_control(const DeviceControl& step) const;

    /// Every object and buffer the step needs to have an effect was made at some time.
    [[nodiscard]] bool has_objects(const Step& step) const;
    [[nodiscard]] Changes do_ioas(const Ioas& step);
    [[nodiscard]] Changes do_attach(const Attach& step);
    [[nodiscard]] Changes do_detach(const std::string& device);
    [[nodiscard]] Changes do_control(const DeviceControl& step);
    [[nodiscard]] Changes do_destroy(const Destroy& step);
    void make_hwpt(const HwptId& id, HwptState state);
    [[nodiscard]] Changes destroy_hwpt(const HwptId& id);
    /// A reference is gone; an automatic HWPT goes with the last one.
    [[nodiscard]] Changes let_go(const HwptId& id);
    [[nodiscard]] Changes appeared(const DeviceFact& fact);
    void learn(const TextFact& fact);
    /// Moves the device's reference and its reserved ranges; returns what its books named before.
    std::optional<HwptId> rewrite_book(const std::string& device, const HwptId& target);

    const KernelRules* rules_;
    bool by_trace_;
    State now_;
};

}  // namespace landfall
