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

// The devices of a rig against its IOMMU, one after the other.
class Probe {
  public:
    Probe(Session& session, const Facts& facts) : session_(session), facts_(facts) {}

    /// Empty if the DMA of `device` is translated or blocked.
    [[nodiscard]] std::string problem(const DeviceFact& device) {
        const std::string ioas = "check-" + device.name;
        if (auto refused = control("ioas " + ioas); !refused.empty()) return refused;
        if (auto refused = control(fmt::format("attach {} {}", device.name, ioas)); !refused.empty())
            return refused;
        const bool stopped = sees_beacon(device, ioas) || blocked(device);
        if (auto refused = control("detach " + device.name); !refused.empty()) return refused;
        if (stopped) return {};
        return fmt::format("{} ({}) is not translated: its DMA goes past the IOMMU", device.name,
                           device.bdf.str());
    }

  private:
    Line run(const std::string& text) {
        return session_.step(parse_line(text, "<rig check>", 1), [this](const Line& line) {
            const auto* fault = line.event() == nullptr ? nullptr : std::get_if<FaultEvent>(line.event());
            if (fault != nullptr) faulted_.insert(fault->requester);
        });
    }
    /// What is wrong if the step did not simply succeed.
    std::string control(const std::string& text) {
        const Line line = run(text);
        const auto* answer = std::get_if<Answer>(&*line.observed);
        if (answer != nullptr && answer->error.ok()) return {};
        return fmt::format("'{}' => {}", text, print(*line.observed));
    }
    bool sees_beacon(const DeviceFact& device, const std::string& ioas) {
        const Line line = run("view " + device.name);
        const auto* sighting = std::get_if<Sighting>(&*line.observed);
        return sighting != nullptr && sighting->ioas == ioas;
    }
    /// A device that does not get through is in order when the IOMMU says that it stopped it: Linux 7.3 so
    /// treats what is behind a PCIe-to-PCI bridge in scalable mode, a finding about the kernel and not about
    /// the rig. The IOMMU knows devices by requester id, so a fault of one tells about all that share it.
    bool blocked(const DeviceFact& device) {
        const Bdf requester = device.alias.value_or(device.bdf);
        const IovaRange unmapped{Iova{facts_.staging.start.value - kBelowStaging}, kPageSize};
        for (const char* patience : {"sleep 100ms", kUntilFaultsShow}) {
            if (faulted_.contains(requester)) return true;
            run(patience);
            run(fmt::format("dma {} write {}", device.name, print(unmapped)));
            run("sleep 100ms");
        }
        return faulted_.contains(requester);
    }

    Session& session_;
    const Facts& facts_;
    std::set<Bdf> faulted_;
};

}  // namespace

std::vector<std::string> check_rig(Rig& rig) {
    const auto session = rig.session({});
    const Facts facts = facts_of(session->head());
    for (const RigFunction& f : rig.file().functions) {
        if (!facts.devices.contains(f.name))
            throw LabError(fmt::format("the rig does not tell of device {}", f.name));
    }
    std::vector<std::string> out = group_problems(rig.file(), facts);
    Probe probe(*session, facts);
    for (const RigFunction& f : rig.file().functions) {
        std::string problem = probe.problem(facts.devices.at(f.name));
        if (!problem.empty()) out.push_back(std::move(problem));
    }
    session->finish({});
    if (out.empty()) rig.found_fit();
    return out;
}

}  // namespace landfall
