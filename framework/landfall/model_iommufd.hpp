// iommufd with VFIO cdevs: a group has one HWPT and moves as a whole (drivers/iommu/iommufd/device.c).
#pragma once

#include <map>
#include <set>

#include "landfall/model_ioas.hpp"

namespace landfall {

class IommufdModel : public Model {
  public:
    [[nodiscard]] std::unique_ptr<Model> clone() const override {
        return std::make_unique<IommufdModel>(*this);
    }
    [[nodiscard]] bool same_state(const Model& other) const override;
    [[nodiscard]] std::vector<Change> fact(const Fact& fact) override;
    [[nodiscard]] Prediction predict(const Step& step) const override;
    [[nodiscard]] std::string objection(const Step& step, const Answer& answer) const override;
    [[nodiscard]] std::vector<Change> apply(const Step& step, const Answer& observed) override;

  private:
    using Changes = std::vector<Change>;
    using HwptId = std::string;  ///< its name, or its IOAS's if it is automatic: names are unique in a trace
    struct HwptState {
        std::string ioas;
        bool automatic = false;
        bool doomed = false;  ///< destroyed although in use: nothing can name it any more
        unsigned users = 0;   ///< attached devices
        bool operator==(const HwptState&) const = default;
    };
    struct GroupState {
        std::optional<HwptId> hwpt;
        std::set<std::string> attached;
        std::vector<IovaRange> reserved;
        bool operator==(const GroupState&) const = default;
    };
    struct DeviceState {
        std::uint32_t group = 0;
        bool open = true;
        bool operator==(const DeviceState&) const = default;
    };
    struct State {
        bool first_stage = false;
        std::optional<bool> map_file;  ///< the kernel has IOMMU_IOAS_MAP_FILE; nullopt: not known
        std::optional<IovaRange> staging;
        std::map<std::string, DeviceState> devices;
        std::map<std::uint32_t, GroupState> groups;
        std::map<std::string, Buffer> buffers;
        std::map<std::string, IoasModel> ioases;
        std::map<HwptId, HwptState> hwpts;
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
    [[nodiscard]] const GroupState& group_of(const std::string& device) const;
    [[nodiscard]] std::vector<Area> memory_of(const Map& step) const;
    [[nodiscard]] std::optional<std::vector<Area>> memory_of(const IoasCopy& step) const;
    [[nodiscard]] Access tolerated(Access access) const;

    [[nodiscard]] Prediction predict_map(const Map& step) const;
    [[nodiscard]] Prediction predict_copy(const IoasCopy& step) const;
    [[nodiscard]] Prediction predict_hwpt(const Hwpt& step) const;
    [[nodiscard]] Prediction predict_attach(const Attach& step) const;
    [[nodiscard]] Prediction predict_replace(const GroupState& group, const Wanted& to) const;
    [[nodiscard]] Prediction predict_destroy(const Destroy& step) const;
    [[nodiscard]] Prediction predict_control(const DeviceControl& step) const;

    /// Every object and buffer the step needs to have an effect was made at some time.
    [[nodiscard]] bool has_objects(const Step& step) const;
    [[nodiscard]] Changes do_ioas(const Ioas& step);
    [[nodiscard]] Changes do_attach(const Attach& step);
    [[nodiscard]] Changes do_detach(const std::string& device);
    [[nodiscard]] Changes do_control(const DeviceControl& step);
    void do_destroy(const Destroy& step);
    HwptId make_hwpt(const HwptId& id, HwptState state);
    void destroy_hwpt(const HwptId& id);
    void drop_user(const HwptId& id, unsigned users);

    State now_;
};

}  // namespace landfall
