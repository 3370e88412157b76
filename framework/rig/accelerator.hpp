// Whether KVM works here. That /dev/kvm opens proves nothing: guests may die or hang all the same, so the
// answer comes from a guest that ran, and is remembered until the host boots again or QEMU changes.
#pragma once

#include <filesystem>
#include <string>

namespace landfall {

/// Names this boot of the host and this QEMU: what was measured with them holds while they stay the same.
[[nodiscard]] std::string emulator_identity(const std::filesystem::path& qemu);

enum class Accelerator { kvm, tcg };

[[nodiscard]] const char* accelerator_str(Accelerator accelerator);

class AcceleratorChoice {
  public:
    /// $LANDFALL_ACCEL (kvm or tcg) decides; else what is remembered in `cache`; else KVM is worth a try if
    /// it opens.
    AcceleratorChoice(std::filesystem::path cache, const std::filesystem::path& qemu);

    [[nodiscard]] Accelerator first() const { return first_; }
    /// KVM failed and may be replaced by TCG, since nobody asked for it.
    [[nodiscard]] bool may_fall_back() const { return first_ == Accelerator::kvm && !forced_; }
    /// A guest booted with it.
    void works(Accelerator accelerator) const;

  private:
    std::filesystem::path file_;
    std::string key_;
    Accelerator first_ = Accelerator::tcg;
    bool forced_ = false, known_ = false;
};

}  // namespace landfall
