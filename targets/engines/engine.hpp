// What an engine gets of its device, and the table of all engines. A new engine is one file and one line in it.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "landfall/target.hpp"

namespace landfall {

/// Device registers behind a mapped BAR. Accesses are single, in program order and of the width asked for.
class Registers {
  public:
    Registers() = default;
    explicit Registers(std::span<std::byte> bar) : bar_(bar) {}
    template <class T>
    [[nodiscard]] T read(std::size_t offset) const {
        return *reinterpret_cast<volatile T*>(bar_.data() + offset);
    }
    template <class T>
    void write(std::size_t offset, T value) const {
        *reinterpret_cast<volatile T*>(bar_.data() + offset) = value;
    }
    [[nodiscard]] std::size_t size() const { return bar_.size(); }

  private:
    std::span<std::byte> bar_;
};

/// An open function as its engine sees it. BAR 0 is mapped, memory decoding and bus mastering are on.
struct DeviceAccess {
    Registers bar0;
    /// VFIO_DEVICE_RESET, then memory and bus mastering on again; a virtual function is enabled by its physical function.
    std::function<Errno()> reset_function;
    std::string label{};                    ///< for messages: its name and address
    bool scratch = false;  ///< whoever set up the rig has said that what is stored in it may be overwritten
    unsigned vf = 0;       ///< of a virtual function: its number among those of its physical function
};

/// What drives a physical function on behalf of its virtual functions. It is no device of a scenario.
class PhysicalFunction {
  public:
    virtual ~PhysicalFunction() = default;
    /// Lets a virtual function do DMA again, which a reset of it has ended. False: it stays dead. May be called by
    /// several threads at once.
    [[nodiscard]] virtual bool enable(unsigned vf) = 0;
};

/// Matches by vendor and device, or by class (base class and subclass) where devices of all vendors are alike.
struct EngineEntry {
    std::uint16_t vendor, device;
    const char* name;
    /// Throws LabError if the device may not be used.
    std::unique_ptr<Engine> (*make)(DeviceAccess access, StagingSlice staging);
    std::uint16_t device_class = 0;
    bool stores = false;  ///< copies overwrite what is stored in it: only for devices that are scratch
    /// Of virtual functions, the numbers below `count`: brings their physical function up. Its DMA reaches `memory` until
    /// this returns, and nothing afterwards. Throws LabError if it stays dead.
    std::unique_ptr<PhysicalFunction> (*make_physical)(DeviceAccess physical, unsigned count,
                                                       StagingSlice memory) = nullptr;
};

/// Every engine there is.
[[nodiscard]] std::span<const EngineEntry> engine_catalog();
/// nullptr if none drives such a device.
[[nodiscard]] const EngineEntry* find_engine(std::uint16_t vendor, std::uint16_t device, std::uint16_t device_class);
[[nodiscard]] const EngineEntry* find_engine(std::string_view name);

/// Throws LabError for a device that stores things, `label` for messages, and is not scratch.
void require_scratch(const std::string& label, bool scratch);

std::unique_ptr<Engine> make_edu(DeviceAccess access, StagingSlice staging);
std::unique_ptr<Engine> make_igb(DeviceAccess access, StagingSlice staging);
std::unique_ptr<Engine> make_igbvf(DeviceAccess access, StagingSlice staging);
std::unique_ptr<PhysicalFunction> make_igb_physical(DeviceAccess physical, unsigned count, StagingSlice memory);
std::unique_ptr<Engine> make_nvme(DeviceAccess access, StagingSlice staging);
std::unique_ptr<PhysicalFunction> make_nvme_physical(DeviceAccess physical, unsigned count, StagingSlice memory);

}  // namespace landfall
