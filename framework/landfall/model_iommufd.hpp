// iommufd with VFIO cdevs: a group has one HWPT and moves as a whole (drivers/iommu/iommufd/device.c).
#pragma once

#include <map>
#include <set>

#include "landfall/model_ioas.hpp"

namespace landfall {

class IommufdModel : public Model {
  public:
    [[nodiscard]] std::vector<Change> fact(const Fact& fact) override;
    [[nodiscard]] Prediction predict(const Step& step) const override;
    [[nodiscard]] std::string objection(const Step& step, const Answer& answer) const override;
    [[nodiscard]] std::vector<Change> apply(const Step& step, const Answer& observed) override;

  private:
    using Changes = std::vector<Change>;
    using HwptId = unsigned;
    struct HwptState {
        std::string name, ioas;  ///< name: its own, or the IOAS's if it is automatic
        bool automatic = false;
        bool doomed = false;  ///< destroyed although in use: nothing can name it any more
        unsigned users = 0;   ///< attached devices
    };
    struct GroupState {
        std::optional<HwptId> hwpt;
        std::set<std::string> attached;
        std::vector<IovaRange> reserved;
    };
    struct DeviceState {
        std::uint32_t group = 0;
        bool open = true;
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
    [[nodiscard]] HwptId make_hwpt(HwptState state);
    void destroy_hwpt(HwptId id);
    void drop_user(HwptId id, unsigned users);

    bool first_stage_ = false;
    std::optional<bool> map_file_;  ///< the kernel has IOMMU_IOAS_MAP_FILE; nullopt: not known
    std::optional<IovaRange> staging_;
    std::map<std::string, DeviceState> devices_;
    std::map<std::uint32_t, GroupState> groups_;
    std::map<std::string, Buffer> buffers_;
    std::map<std::string, IoasModel> ioases_;
    std::map<HwptId, HwptState> hwpts_;
    HwptId next_hwpt_ = 0;
};

}  // namespace landfall
