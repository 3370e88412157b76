// Is the rig what its file says, and does its IOMMU stand between the devices and memory? Without that every
// verdict of the session would be worth nothing.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "landfall/error.hpp"
#include "rig/rig.hpp"

namespace landfall {
namespace {

/// Below the staging window, so past the end of the guest's memory: a DMA that is not translated destroys
/// nothing.
constexpr std::uint64_t kBelowStaging = 1U << 20;

/// The kernel prints ten fault lines and is then silent until so much time has passed (DEFAULT_RATELIMIT_INTERVAL:
/// dmar_fault() in drivers/iommu/intel/dmar.c, viommu_fault_handler() in drivers/iommu/virtio-iommu.c,
/// amd_iommu_report_page_fault() in drivers/iommu/amd/iommu.c).
constexpr const char* kUntilFaultsShow = "sleep 5200ms";

struct Facts {
    std::map<std::string, DeviceFact> devices;  ///< by name
    IovaRange staging;
};

Facts facts_of(const std::vector<Line>& head) {
    Facts out;
    for (const Line& line : head) {
        if (line.fact() == nullptr) continue;
        if (const auto* d = std::get_if<DeviceFact>(line.fact()); d != nullptr) out.devices[d->name] = *d;
        if (const auto* s = std::get_if<StagingFact>(line.fact()); s != nullptr) out.staging = s->range;
    }
    return out;
}

std::vector<std::string> group_problems(const RigFile& file, const Facts& facts) {
    std::vector<std::string> out;
    std::map<std::uint32_t, std::string> owner;  ///< iommu_group: a name of the first list that has it
    for (const auto& names : file.groups) {
        const std::uint32_t group = facts.devices.at(names.front()).group;
        for (const std::string& name : names) {
            if (facts.devices.at(name).group == group) continue;
            out.push_back(fmt::format("{} and {} should share a group, but are in groups {} and {}",
                                      names.front(), name, group, facts.devices.at(name).group));
        }
        const auto [first, is_new] = owner.emplace(group, names.front());
        if (!is_new) {
            out.push_back(fmt::format("{} and {} should be in different groups, but share group {}",
                                      first->second, names.front(), group));
        }
    }
    return out;
}

// The devices of a rig against its IOMMU: side by side, since some take their time for a DMA. One of a group is attached, which moves
// all of it.
class Probe {
  public:
    Probe(Session& session, IovaRange staging, std::vector<DeviceFact> devices)
        : session_(session), staging_(staging), devices_(std::move(devices)) {}

    /// Of each device the DMA is translated or blocked. What is wrong, a text for each that is not in order.
    [[nodiscard]] std::vector<std::string> problems() {
        std::vector<std::string> out;
        const auto add = [&](std::string problem) {
            if (!problem.empty()) out.push_back(std::move(problem));
        };
        std::map<std::uint32_t, DeviceFact> movers;
        for (const auto& d : devices_) movers.emplace(d.group, d);
        for (const auto& [group, d] : movers) {
            add(control("ioas " + ioas_of(d)));
            add(control(fmt::format("attach {} {}", d.name, ioas_of(d))));
        }
        if (!out.empty()) return out;
        const auto sighted = view_all();
        for (const auto& d : devices_) {
            if (sighted.at(d.name) == ioas_of(d) || blocked(d)) continue;
            add(fmt::format("{} ({}) is not translated: its DMA goes past the IOMMU", d.name, d.bdf.str()));
        }
        for (const auto& [group, d] : movers) add(control("detach " + d.name));
        return out;
    }

  private:
    static std::string ioas_of(const DeviceFact& device) { return fmt::format("check-{}", device.group); }
    Line run(const std::string& text) {
        return session_.step(line_of(text), [this](const Line& line) { note_fault(line); });
    }
    static Line line_of(const std::string& text) { return parse_line(text, "<rig check>", 1); }
    void note_fault(const Line& line) {
        const auto* fault = line.event() == nullptr ? nullptr : std::get_if<FaultEvent>(line.event());
        if (fault != nullptr) faulted_.insert(fault->requester);
    }
    /// What is wrong if the step did not simply succeed.
    std::string control(const std::string& text) {
        const Line line = run(text);
        const auto* answer = std::get_if<Answer>(&*line.observed);
        if (answer != nullptr && answer->error.ok()) return {};
        return fmt::format("'{}' => {}", text, print(*line.observed));
    }
    /// The IOAS of the beacon that each device sees, by name; empty where it sees none.
    std::map<std::string, std::string> view_all() {
        std::vector<Line> views;
        for (const auto& d : devices_) views.push_back(line_of(fmt::format("lane {}: view {}", views.size() % kMaxLane + 1, d.name)));
        std::map<std::string, std::string> out;
        session_.run(views, [&](const Line& line) {
            note_fault(line);
            if (line.step() == nullptr) return;
            const auto* sighting = std::get_if<Sighting>(&*line.observed);
            out[std::get<View>(*line.step()).device] = sighting == nullptr ? std::string() : sighting->ioas.value_or("");
        });
        return out;
    }
    /// A device that does not get through is in order when the IOMMU says that it stopped it: Linux 7.3 so
    /// treats what is behind a PCIe-to-PCI bridge in scalable mode, a finding about the kernel and not about
    /// the rig. The IOMMU knows devices by requester id, so a fault of one tells about all that share it.
    bool blocked(const DeviceFact& device) {
        const Bdf requester = device.alias.value_or(device.bdf);
        const IovaRange unmapped{Iova{staging_.start.value - kBelowStaging}, kPageSize};
        for (const char* patience : {"sleep 100ms", kUntilFaultsShow}) {
            if (faulted_.contains(requester)) return true;
            run(patience);
            run(fmt::format("dma {} write {}", device.name, print(unmapped)));
            run("sleep 100ms");
        }
        return faulted_.contains(requester);
    }

    Session& session_;
    IovaRange staging_;
    std::vector<DeviceFact> devices_;
    std::set<Bdf> faulted_;
};

}  // namespace

std::vector<std::string> check_rig(Rig& rig) {
    const auto session = rig.first_session();
    const Facts facts = facts_of(session->head());
    std::vector<DeviceFact> devices;
    for (const RigFunction& f : rig.file().functions) {
        if (!facts.devices.contains(f.name))
            throw LabError(fmt::format("the rig does not tell of device {}", f.name));
        devices.push_back(facts.devices.at(f.name));
    }
    std::vector<std::string> out = group_problems(rig.file(), facts);
    for (auto& problem : Probe(*session, facts.staging, std::move(devices)).problems()) out.push_back(std::move(problem));
    session->finish({});
    if (out.empty()) rig.found_fit();
    return out;
}

}  // namespace landfall
